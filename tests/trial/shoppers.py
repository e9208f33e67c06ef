"""Text of a Locust file: a user of Locust's own who browses a shop, and reads every answer as a person would."""

BROWSING = '''
class Browsing(SequentialTaskSet):
    """A sequence."""

    @task
    def services(self):
        self.client.get("/api/v2/public/services/", name="services")

    @task
    def barbers(self):
        with self.client.get("/api/v2/barbers/", name="barbers", catch_response=True) as response:
            if response.status_code in (401, 403):
                response.success()


class Browser(HttpUser):
    wait_time = between(0.1, 0.3)
    tasks = [Browsing]
    weight = 3
'''
"""Needs of Locust: ``HttpUser``, ``SequentialTaskSet``, ``between`` and ``task``."""
