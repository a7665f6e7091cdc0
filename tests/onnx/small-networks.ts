import { NetworkBuilder } from "./network-builder.ts";

/** A MobileNet in small: a strided first convolution, two depthwise blocks; 8 features. Gives the features' name. */
export function mobileNet(network: NetworkBuilder, withNorm = false): string {
  const normed = (x: string): string => (withNorm ? network.batchNorm(x) : x);
  const bias = !withNorm;
  let x = network.input(["N", 3, "H", "W"]);
  x = network.relu6(normed(network.conv(x, 6, { kernel: 3, stride: 2, pads: [0, 0, 1, 1], bias }, "stem")));
  x = network.relu6(normed(network.conv(x, 6, { kernel: 3, group: 6, bias }, "block1.depthwise")));
  x = network.relu6(normed(network.conv(x, 8, { bias }, "block1.pointwise")));
  x = network.relu6(normed(network.conv(x, 8, { kernel: 3, stride: 2, group: 8, bias }, "block2.depthwise")));
  x = network.node("HardSwish", [normed(network.conv(x, 8, { bias }, "block2.pointwise"))], {}, "map");
  return network.node("Flatten", [network.node("GlobalAveragePool", [x], {}, "pooled")], {}, "features");
}

/** A ResNet in small: 7x7 stem, MaxPool, a block with an identity shortcut, a strided one with a projection; 8 features. */
export function resNet(network: NetworkBuilder, withNorm = false): string {
  const normed = (x: string): string => (withNorm ? network.batchNorm(x) : x);
  const bias = !withNorm;
  let x = network.input(["N", 3, "H", "W"]);
  x = network.relu(normed(network.conv(x, 4, { kernel: 7, stride: 2, bias }, "stem")));
  x = network.node("MaxPool", [x], {
    kernel_shape: { ints: [3, 3] },
    strides: { ints: [2, 2] },
    pads: { ints: [1, 1, 1, 1] },
  });
  let inner = network.relu(normed(network.conv(x, 4, { kernel: 3, bias }, "block1.first")));
  inner = normed(network.conv(inner, 4, { kernel: 3, bias }, "block1.second"));
  x = network.relu(network.node("Add", [inner, x], {}, "block1.sum"));
  inner = network.relu(normed(network.conv(x, 8, { kernel: 3, stride: 2, bias }, "block2.first")));
  inner = normed(network.conv(inner, 8, { kernel: 3, bias }, "block2.second"));
  const shortcut = normed(network.conv(x, 8, { stride: 2, bias }, "block2.shortcut"));
  x = network.relu(network.node("Add", [inner, shortcut], {}, "block2.sum"));
  return network.node("Flatten", [network.node("GlobalAveragePool", [x], {}, "pooled")], {}, "features");
}
