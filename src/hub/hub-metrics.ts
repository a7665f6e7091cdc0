import { collectDefaultMetrics, Counter, Histogram, Registry } from "prom-client";
import type { IntakeWatch } from "./intake/intake-routes.ts";

const LATENCY_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** Prometheus metrics of one hub process, in a registry of its own. Totals count since this start. */
export class HubMetrics implements IntakeWatch {
  readonly #registry = new Registry();
  readonly #cases: Counter<"stored">;
  readonly #images: Counter<"stored">;
  readonly #imageBytes: Counter;
  readonly #verdicts: Counter;
  readonly #requests: Histogram<"method" | "route" | "status">;

  constructor() {
    const registers = [this.#registry];
    const stored = { labelNames: ["stored"] as const, registers };
    this.#cases = new Counter({ name: "sightline_hub_cases_total", help: "Hard cases received", ...stored });
    this.#images = new Counter({ name: "sightline_hub_images_total", help: "Images received", ...stored });
    this.#imageBytes = new Counter({
      name: "sightline_hub_image_bytes_total",
      help: "Bytes of images received",
      registers,
    });
    this.#verdicts = new Counter({ name: "sightline_hub_verdicts_total", help: "Verdicts stored", registers });
    this.#requests = new Histogram({
      name: "sightline_hub_request_seconds",
      help: "Time to answer a request",
      labelNames: ["method", "route", "status"],
      buckets: LATENCY_BUCKETS_S,
      registers,
    });
    // A series that exists at 0 lets a first one be seen as a rise.
    for (const counter of [this.#cases, this.#images])
      for (const kind of ["new", "known"]) counter.inc({ stored: kind }, 0);
  }

  /** Also starts the process metrics, which watch the garbage collector and the event loop from then on. */
  start(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  caseArrived(stored: "new" | "known"): void {
    this.#cases.inc({ stored });
  }

  imageArrived(stored: "new" | "known", bytes: number): void {
    this.#images.inc({ stored });
    if (stored === "new") this.#imageBytes.inc(bytes);
  }

  verdictsArrived(count: number): void {
    this.#verdicts.inc(count);
  }

  /** `route`: its pattern, never the address: a metric has as many series as its labels have values. */
  requestAnswered(request: {
    readonly method: string;
    readonly route: string;
    readonly status: number;
    readonly seconds: number;
  }): void {
    const { method, route, status, seconds } = request;
    this.#requests.observe({ method, route, status: String(status) }, seconds);
  }

  /** Lines of Prometheus text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
