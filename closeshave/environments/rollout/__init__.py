"""A release of the application is rolled out in a running environment: instance by instance, through the balancers, and back if it fails.

:mod:`.steps` says which instances are replaced together, :mod:`.record` keeps which release each instance has, for whoever comes after a harness that was
killed, :mod:`.instances` replaces one instance, and :mod:`.rolling` does all of it: :func:`.rolling.roll` and :func:`.rolling.go_back`.
"""
