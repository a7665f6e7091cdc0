import type { ModelClass } from "../contracts/model-bundle.ts";
import { encodeModel, type Model } from "../onnx/model-file.ts";
import { calibratedFrames, decisionFrom } from "./held-out-decision.ts";
import type { JudgedFrame } from "./judged-frame.ts";
import { isWithin, LARGEST_LOSS, type Parity, parity } from "./parity.ts";
import type { Judged } from "./sliced-report.ts";

/** What int8 costs on the same held-out frames. */
export interface QuantizationCost extends Parity {
  readonly accepted: boolean;
  readonly float32Bytes: number;
  readonly int8Bytes: number;
}

export const refusalOf = ({ aurocLoss, balancedAccuracyLoss }: QuantizationCost, where: string): string =>
  `int8 loses ${aurocLoss.toFixed(4)} of AUROC and ${balancedAccuracyLoss.toFixed(4)} of balanced accuracy on ${where}, ` +
  `more than ${LARGEST_LOSS.auroc} and ${LARGEST_LOSS.balancedAccuracy}: model.onnx stays float32; see quantize --help`;

/** On few held-out frames a single one moves balanced accuracy by more than the gate; then the same class must be given. */
const LEAST_CLASS_AGREEMENT = 0.97;

/** Of two judgements of the same frames; the files are those that would be shipped. */
export function costOf(
  float32: Judged,
  int8: Judged,
  files: { readonly float32: Model; readonly int8: Model },
  classes: readonly ModelClass[],
): QuantizationCost {
  const { calibration, limits } = decisionFrom(float32.frames, classes);
  const asCalibrated = ({ frames }: Judged): JudgedFrame[] => calibratedFrames(frames, calibration, classes);
  const cost = parity(asCalibrated(float32), asCalibrated(int8), limits);
  return {
    ...cost,
    accepted:
      isWithin(cost, LARGEST_LOSS) ||
      (cost.aurocLoss <= LARGEST_LOSS.auroc && cost.classAgreement >= LEAST_CLASS_AGREEMENT),
    float32Bytes: encodeModel(files.float32).length,
    int8Bytes: encodeModel(files.int8).length,
  };
}
