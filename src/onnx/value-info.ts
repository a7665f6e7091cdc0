import { create } from "@bufbuild/protobuf";
import {
  TensorProto_DataType as DataType,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "./onnx-pb.ts";

export { DataType };

/** A number is a fixed size, a string names a size that varies from run to run. */
export type Dimension = number | string;

/** Declares a graph input or output. */
export function makeValueInfo(name: string, dataType: DataType, shape: readonly Dimension[]): ValueInfoProto {
  const dim = shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof size === "number" ? { case: "dimValue", value: BigInt(size) } : { case: "dimParam", value: size },
    }),
  );
  const tensorType = create(TypeProto_TensorSchema, {
    elemType: dataType,
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: "tensorType", value: tensorType } }),
  });
}

export interface TensorSignature {
  readonly name: string;
  readonly dataType: number;
  /** Undefined where the graph does not say. */
  readonly shape: readonly Dimension[] | undefined;
}

/** Name, element type and shape of a declared tensor; undefined for sequences and maps. */
export function tensorSignature(info: ValueInfoProto): TensorSignature | undefined {
  if (info.type?.value.case !== "tensorType") return undefined;
  const { elemType, shape } = info.type.value.value;
  const dimensions = shape?.dim.map(({ value }, index) => {
    if (value.case === "dimValue") return Number(value.value);
    return value.case === "dimParam" ? value.value : `dim${index}`;
  });
  return { name: info.name, dataType: elemType, shape: dimensions };
}
