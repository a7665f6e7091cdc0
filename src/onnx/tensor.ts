import { create } from "@bufbuild/protobuf";
import { type TensorProto, TensorProto_DataType as DataType, TensorProtoSchema } from "./onnx-pb.ts";

export type TensorData = Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array;

/** A tensor's element types this project writes; others are refused by name when read. */
const BYTES_PER_ELEMENT = new Map<number, number>([
  [DataType.FLOAT, 4],
  [DataType.UINT8, 1],
  [DataType.INT8, 1],
  [DataType.INT32, 4],
  [DataType.INT64, 8],
]);

/** An initializer in `raw_data`, little endian. `dims` [] is a scalar. Throws when data and dims do not fit. */
export function makeTensor(name: string, dims: readonly number[], data: TensorData): TensorProto {
  const expected = elementCount(dims);
  if (data.length !== expected) {
    throw new Error(`tensor ${name}: ${data.length} values do not fill [${dims.join(", ")}]`);
  }
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: dataTypeOf(data),
    rawData: new Uint8Array(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  });
}

/** ONNX element type number of a typed array. */
export function dataTypeOf(data: TensorData): DataType {
  if (data instanceof Float32Array) return DataType.FLOAT;
  if (data instanceof Uint8Array) return DataType.UINT8;
  if (data instanceof Int8Array) return DataType.INT8;
  if (data instanceof Int32Array) return DataType.INT32;
  return DataType.INT64;
}

export const tensorDims = (tensor: TensorProto): number[] => tensor.dims.map(Number);

export const elementCount = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

/** Values of any supported tensor, in a buffer of their own. Throws for external data and other element types. */
export function tensorData(tensor: TensorProto): TensorData {
  const width = BYTES_PER_ELEMENT.get(tensor.dataType);
  if (width === undefined) throw new Error(`tensor ${tensor.name}: element type ${tensor.dataType} is not supported`);
  if (tensor.externalData.length > 0) throw new Error(`tensor ${tensor.name}: its values lie in another file`);
  const data = tensor.rawData.length > 0 ? fromRawData(tensor) : fromTypedFields(tensor);
  const expected = elementCount(tensorDims(tensor));
  if (data.length !== expected) throw new Error(`tensor ${tensor.name}: ${data.length} values instead of ${expected}`);
  return data;
}

/** Float32 values of a tensor, in a buffer of their own. */
export function floatData(tensor: TensorProto): Float32Array {
  const data = tensorData(tensor);
  if (!(data instanceof Float32Array)) throw new Error(`tensor ${tensor.name} is not float32`);
  return data;
}

function fromRawData(tensor: TensorProto): TensorData {
  // A copy is aligned, which a view into the file's bytes need not be. (Not slice(): a Buffer's is a view.)
  const { buffer } = new Uint8Array(tensor.rawData);
  switch (tensor.dataType) {
    case DataType.FLOAT:
      return new Float32Array(buffer);
    case DataType.UINT8:
      return new Uint8Array(buffer);
    case DataType.INT8:
      return new Int8Array(buffer);
    case DataType.INT32:
      return new Int32Array(buffer);
    default:
      return new BigInt64Array(buffer);
  }
}

function fromTypedFields(tensor: TensorProto): TensorData {
  switch (tensor.dataType) {
    case DataType.FLOAT:
      return Float32Array.from(tensor.floatData);
    case DataType.UINT8:
      return Uint8Array.from(tensor.int32Data);
    case DataType.INT8:
      return Int8Array.from(tensor.int32Data);
    case DataType.INT32:
      return Int32Array.from(tensor.int32Data);
    default:
      return BigInt64Array.from(tensor.int64Data);
  }
}
