import { filterOfQuery } from "../case-filter.js";
import { CaseView } from "../case-view.js";
import { make } from "../dom.js";
import { Neighbours } from "../navigators.js";
import { addressOf, replaceAddress } from "../router.js";
import { toast } from "../toast.js";
import { texts } from "../texts.js";

/** One case of the gallery; the arrows step through the gallery's list. */
export function showCase(main, workbench, { argument, query }) {
  const filter = { project: workbench.project.id, ...filterOfQuery(query.filter) };
  const back = make("a", {
    className: "button",
    href: addressOf("cases", "", query),
    textContent: texts.queue.toGallery,
  });
  const view = new CaseView({
    workbench,
    navigator: new Neighbours({ id: argument, filter, order: query.order }),
    auto: () => false,
    title: texts.screens.case,
    acts: [back],
    query,
    onShown: ({ id }) => replaceAddress("case", id, query),
    onEnd: (_done, by) => toast(by > 0 ? "This is the last case of the list." : "This is the first case of the list."),
  });
  main.replaceChildren(view.element);
  void view.open(argument);
  return () => view.stop();
}
