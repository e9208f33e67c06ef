// Closed model, small JSON GET, bodies discarded: one request an iteration. BENCH_LOOP=100 makes a hundred an iteration instead, which saves k6
// its cost per iteration; the better of the two counts.
//   k6 run --vus 50 --duration 20s --no-summary --no-thresholds --no-usage-report --quiet closed.js
import http from 'k6/http';

export const options = { discardResponseBodies: true, insecureSkipTLSVerify: true };
const loop = Number(__ENV.BENCH_LOOP || 1);
const url = `${__ENV.BENCH_URL}/json`;

export default function () {
  for (let i = 0; i < loop; i++) http.get(url);
}
