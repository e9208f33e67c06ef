"""An open load that peaks, and one that thinks between its requests."""

from locust import task

from closeshave.loadgen.rates import Constant, Spike
from closeshave.loadgen.users import OpenUser


class Visitor(OpenUser):
    rate = Spike(base_per_s=200, peak_per_s=2000, at_s=60, half_life_s=120)
    duration_s = 600

    @task
    def look(self):
        self.client.get("/api/v2/locations/")


class Thinker(OpenUser):
    rate = Constant(5)
    duration_s = 600

    @task
    def book(self):
        free = self.client.get("/api/v2/appointments/slots?appointment_date=2026-11-23", name="slots").json()
        yield 12.5
        self.client.post("/api/v2/appointments/", json={"date": free["date"], "time": free["slots"][0]["time"], "service": "Shave"})
