import { InferenceSession, Tensor } from "onnxruntime-node";
import { MODEL_INPUT } from "../../contracts/model-bundle.ts";
import { EMBEDDING } from "../../training/model-names.ts";

/** One form of the same network. */
export interface Contestant {
  readonly name: string;
  readonly model: Uint8Array;
  /** Device graphs take uint8 pixels; a bare backbone float32 planes in [-1, 1]. */
  readonly takes: "pixels" | "planes";
}

type Feeds = Readonly<Record<string, Tensor>>;

export class ContestantSession {
  readonly #session: InferenceSession;
  readonly #takes: Contestant["takes"];

  private constructor(session: InferenceSession, takes: Contestant["takes"]) {
    this.#session = session;
    this.#takes = takes;
  }

  static async open({ model, takes }: Contestant, threads: number): Promise<ContestantSession> {
    const session = await InferenceSession.create(model, {
      executionProviders: ["cpu"],
      intraOpNumThreads: threads,
      extra: { session: { intra_op: { allow_spinning: "0" } } },
      logSeverityLevel: 3,
    });
    return new ContestantSession(session, takes);
  }

  /** `pixels`: uint8 [1, side, side, 3]. */
  feeds(pixels: Uint8Array, sidePx: number): Feeds {
    const [name = MODEL_INPUT] = this.#session.inputNames;
    if (this.#takes === "pixels") return { [name]: new Tensor("uint8", pixels, [1, sidePx, sidePx, 3]) };
    return { [name]: new Tensor("float32", planesOf(pixels), [1, 3, sidePx, sidePx]) };
  }

  async embed(feeds: Feeds): Promise<Float32Array> {
    const { data } = (await this.#session.run(feeds, [EMBEDDING]))[EMBEDDING] ?? {};
    if (!(data instanceof Float32Array)) throw new Error("the network gave no float32 embedding");
    return Float32Array.from(data);
  }

  close(): Promise<void> {
    return this.#session.release();
  }
}

function planesOf(pixels: Uint8Array): Float32Array {
  const places = pixels.length / 3;
  return Float32Array.from({ length: pixels.length }, (_, at) => {
    const channel = Math.floor(at / places);
    return (pixels[(at % places) * 3 + channel] ?? 0) / 127.5 - 1;
  });
}
