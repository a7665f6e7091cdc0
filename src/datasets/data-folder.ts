/** A marked defect, px in the image. */
export interface DefectBox {
  readonly label: string;
  readonly xPx: number;
  readonly yPx: number;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** One labelled file. `file` is relative to the data folder, with forward slashes. */
export interface LabelledImage {
  readonly path: string;
  readonly file: string;
  readonly label: string;
  /** Columns of index.csv or fields of the COCO image, `file` and `label` aside. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the defects are; empty: marked as free of defects; null: nobody marked this image. */
  readonly boxes: readonly DefectBox[] | null;
  /** Pixel mask of the defects (white = defect), same size as the image, where there is one. */
  readonly maskPath: string | null;
}

export interface RefusedFile {
  readonly file: string;
  readonly reason: string;
}

export interface DataFolder {
  readonly path: string;
  readonly images: readonly LabelledImage[];
  /** Metadata columns in the order of the file. */
  readonly columns: readonly string[];
  /** Files that cannot be used, each with its reason: no label, missing, empty. Never dropped in silence. */
  readonly refused: readonly RefusedFile[];
}
