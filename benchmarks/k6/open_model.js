// Open model: k6's constant-arrival-rate, BENCH_RATE a second for BENCH_SECONDS, BENCH_VUS users made before the start.
//   k6 run --no-thresholds --no-usage-report --quiet --summary-export summary.json open_model.js
import http from 'k6/http';

export const options = {
  discardResponseBodies: true,
  summaryTrendStats: ['p(50)', 'p(99)', 'p(99.9)', 'max'],
  scenarios: {
    open: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.BENCH_RATE),
      timeUnit: '1s',
      duration: `${__ENV.BENCH_SECONDS}s`,
      preAllocatedVUs: Number(__ENV.BENCH_VUS || 50),
    },
  },
};

export default function () {
  http.get(`${__ENV.BENCH_URL}/json`);
}
