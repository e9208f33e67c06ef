"""The shortest load: customers of Locust's closed model. ``locust -f docs/examples/customer.py --host http://127.0.0.1:8080``."""

from locust import between, task

from closeshave.loadgen.users import EngineUser


class Customer(EngineUser):
    wait_time = between(1, 5)

    @task
    def look_for_a_slot(self):
        self.client.get("/api/v2/appointments/slots?appointment_date=2026-11-23", name="slots")
