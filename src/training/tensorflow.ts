import * as tf from "@tensorflow/tfjs";

export type TensorFlow = typeof tf;

/**
 * TensorFlow.js, native where `@tensorflow/tfjs-node` could be installed (it is optional: its install downloads
 * libtensorflow), else in plain JavaScript. The name of the backend goes into the bundle's provenance, because results
 * are the same to the byte only on the same backend.
 */
export async function loadTensorFlow(): Promise<{ tf: TensorFlow; backend: string }> {
  // Otherwise the first use prints a banner.
  tf.enableProdMode();
  // Not a literal: the compiler must not ask for a package that may be absent.
  const nativePackage = "@tensorflow/tfjs-node";
  try {
    await import(nativePackage);
    await tf.setBackend("tensorflow");
  } catch {
    await tf.setBackend("cpu");
  }
  await tf.ready();
  return { tf, backend: tf.getBackend() };
}
