import { expect, test } from "vitest";
import { RecipeConfig } from "../../src/edge/device-config.ts";
import { withModel } from "../../src/edge/recipe.ts";

const config = RecipeConfig.parse({ name: "tiles", model: "/models/tiles", passBelow: 0.6, rejectFrom: 0.7 });

test("limits of the configuration hold for the bundle it names", () => {
  expect(withModel(config, "/models/tiles")).toEqual(config);
});

test("another model brings its own limits: its NG scores are on another scale", () => {
  const { passBelow, rejectFrom, model, sanity } = withModel(config, "/releases/tiles-1.1.0");
  expect({ passBelow, rejectFrom, model }).toEqual({ model: "/releases/tiles-1.1.0" });
  expect(sanity).toEqual(config.sanity);
});
