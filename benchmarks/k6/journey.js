// The booking journey: the same steps and checks as generators/journey.py. BENCH_LOOP as in closed.js.
//   k6 run --vus 50 --duration 20s --no-summary --no-thresholds --no-usage-report --quiet journey.js
import http from 'k6/http';
import { check } from 'k6';

const base = __ENV.BENCH_URL;
const loop = Number(__ENV.BENCH_LOOP || 1);

function journey() {
  const jar = http.cookieJar();
  jar.clear(base);
  const json = { 'Content-Type': 'application/json' };
  const login = http.post(`${base}/api/v2/auth/login`, JSON.stringify({ email: 'c1@example.com', password: 'correct horse' }), { headers: json }).json();
  const bearer = { Authorization: `Bearer ${login.access_token}` };
  const secured = Object.assign({}, json, bearer, { 'X-CSRF-Token': jar.cookiesForURL(base).csrf_token[0] });
  const slots = http.get(`${base}/api/v2/appointments/slots?appointment_date=2026-11-23`, { tags: { name: 'slots' } });
  const free = slots.json();
  check(free, { slots: (body) => body.slots.length > 0 });
  const wanted = { date: free.date, time: free.slots[0].time, service: 'Haircut', barber_id: 3, notes: 'bench' };
  const booked = http.post(`${base}/api/v2/appointments/`, JSON.stringify(wanted), { headers: secured }).json();
  check(booked, { booked: (body) => body.status === 'scheduled' });
  const read = http.get(`${base}/api/v2/appointments/${booked.id}`, { headers: bearer, tags: { name: 'read' } }).json();
  check(read, { read: (body) => body.id === booked.id });
  const intent = http.post(`${base}/api/v2/payments/create-intent`, JSON.stringify({ booking_id: booked.id }), { headers: secured }).json();
  check(intent, { intent: (body) => body.amount === 30.0 });
  const paying = { booking_id: booked.id, payment_intent_id: intent.payment_intent_id };
  const paid = http.post(`${base}/api/v2/payments/confirm`, JSON.stringify(paying), { headers: secured }).json();
  check(paid, { paid: (body) => body.status === 'succeeded' });
}

export default function () {
  for (let i = 0; i < loop; i++) journey();
}
