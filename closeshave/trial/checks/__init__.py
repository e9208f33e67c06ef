"""What can be wrong with a trial and is known without asking the platform: a module for each thing that is checked, each a list of problems.

:mod:`closeshave.trial.preparation` asks all of them, so that a person is told everything at once.
"""
