// What each view shows of the service's answer.

import { chart } from "./chart.js";
import { bytes, duration, h, number, table, time } from "./dom.js";

const ENDED = ["completed", "failed", "canceled"];
// Parties measure many things; these are looked at first.
const RANKED = ["acc", "accuracy", "loss", "r2"];
const FIRST = 2;
// By this tag a stack knows its objects again; it says nothing to people.
const MARKER = /^wmlfl-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{12}$/;
const WORDS = {
  register: "registered", reconnect: "came back", disconnect: "left", refuse: "was refused", leave: "left",
  late: "answered too late", fail: "could not train",
};

function rank(name) {
  const found = RANKED.indexOf(name);
  return found < 0 ? RANKED.length : found;
}

function state(name) {
  return h("span", { class: `state ${/^[a-z_]+$/.test(name) ? name : ""}` }, name.replaceAll("_", " "));
}

function progress(training) {
  if (!training.rounds) return "";
  const done = training.iteration || 0;
  return h("span", { class: "progress" },
    h("progress", { max: training.rounds, value: Math.min(done, training.rounds), "aria-label": "Rounds done" }),
    ` ${done} of ${training.rounds}`);
}

function tags(all) {
  const names = all.filter((name) => !MARKER.test(name));
  return names.length ? h("ul", { class: "tags", "aria-label": "Tags" }, names.map((name) => h("li", {}, name))) : null;
}

function empty(text, command) {
  return h("p", { class: "empty" }, text, command ? [" ", h("code", {}, command)] : null);
}

function more(total, shown, noun) {
  return total > shown ? h("p", { class: "hint" }, `The newest ${shown} of ${total} ${noun}.`) : null;
}

export function trainings(data) {
  const rows = data.trainings.map((item) => [
    h("a", { href: `#/trainings/${encodeURIComponent(item.id)}`, id: `training-${item.id}` }, item.name || item.id),
    state(item.state), progress(item), item.fusion_type, String(item.parties), time(item.created_at),
  ]);
  return [
    h("h1", {}, "Trainings"),
    rows.length
      ? table("Trainings, newest first", ["Name", "State", "Rounds", "Fusion", "Parties", "Created"], rows)
      : empty("There is no training here yet. Deploy one:", "wmlfl up"),
    more(data.total, rows.length, "trainings"),
  ];
}

function fact(term, value, look = null) {
  if (value === "" || value === null || value === undefined) return null;
  return h("div", { class: look }, h("dt", {}, term), h("dd", {}, value));
}

export function training(data, { cancel, ownModels, chooseModels }) {
  const charts = [...data.metrics].sort((a, b) => rank(a.name) - rank(b.name))
    .map((metric) => chart(metric, data.rounds, ownModels)).filter(Boolean);
  return [
    h("p", { class: "back" }, h("a", { href: "#/trainings", id: "back" }, "← All trainings")),
    h("div", { class: "heading" }, h("h1", {}, data.name || data.id), state(data.state),
      data.may_cancel ? h("button", { type: "button", id: "cancel", class: "danger", on: { click: cancel } }, "Cancel training") : null),
    tags(data.tags),
    data.description ? h("p", {}, data.description) : null,
    h("p", { class: data.state === "failed" ? "message failed" : "message" }, data.message),
    h("dl", { class: "facts" },
      fact("Rounds", progress(data)),
      fact("Parties connected", ENDED.includes(data.state) ? null : `${data.connected} of ${data.parties}`),
      fact("Fusion", data.fusion_type),
      fact("Quorum", data.quorum === null ? null : `${number(data.quorum * 100)} %`),
      fact("Stops early when", data.termination_predicate),
      fact("Model", data.model ? data.model.name || data.model.id : null),
      fact("Started", time(data.running_at)),
      fact("Ended", time(data.completed_at)),
      fact("Took", data.running_at && data.completed_at ? duration(data.running_at, data.completed_at) : null),
      fact("Id", h("code", {}, data.id), "wide")),
    h("section", { "aria-labelledby": "metrics" }, h("h2", { id: "metrics" }, "Metrics of the fused model"),
      data.metrics.length ? h("p", {}, h("label", {},
        h("input", { type: "checkbox", id: "own-models", checked: ownModels, on: { change: chooseModels } }),
        " compare with each party’s own model, before it is fused")) : null,
      charts.length ? h("div", { class: "charts" }, charts.slice(0, FIRST)) : empty("No round was measured yet."),
      charts.length > FIRST
        ? h("details", { id: "more-metrics" }, h("summary", {}, charts.length - FIRST === 1 ? "1 more metric" : `${charts.length - FIRST} more metrics`),
          h("div", { class: "charts" }, charts.slice(FIRST)))
        : null),
    h("section", { "aria-labelledby": "parties" }, h("h2", { id: "parties" }, "Parties"), parties(data)),
  ];
}

function parties(data) {
  const over = ENDED.includes(data.state);
  const rows = data.party_list.map((party) => {
    const last = party.events[party.events.length - 1];
    return [
      party.name, over ? "training ended" : presence(party), party.required ? "required" : "optional",
      last ? h("details", { id: `events-${party.id}` }, h("summary", {}, event(last)),
        h("ol", { class: "events" }, [...party.events].reverse().map((item) => h("li", {}, event(item))))) : "nothing yet",
    ];
  });
  return [table("Parties", ["Name", "Connection", "Needed", "Last event"], rows), more(data.parties, rows.length, "parties")];
}

function presence(party) {
  return h("span", { class: party.connected ? "presence here" : "presence" }, party.connected ? "connected" : "not connected");
}

function event(entry) {
  const round = entry.round ? ` (round ${entry.round})` : "";
  const reason = entry.reason ? `: ${entry.reason}` : "";
  return [time(entry.timestamp), ` ${WORDS[entry.event] || entry.event}${round}${reason}`];
}

export function objects(data) {
  const models = data.models.items.map((item) => [
    named(item), item.type, item.software, bytes(item.bytes), time(item.modified_at)]);
  const systems = data.remote_training_systems.items.map((item) => [
    named(item), item.organization, item.identities.join(", "), time(item.modified_at)]);
  return [
    h("h1", {}, "Objects"),
    h("h2", {}, "Models"),
    models.length ? table("Models, newest first", ["Name", "Type", "Software", "Content", "Changed"], models) : empty("There is no model here."),
    more(data.models.total, models.length, "models"),
    h("h2", {}, "Remote training systems"),
    systems.length
      ? table("Remote training systems, newest first", ["Name", "Organization", "May take part", "Changed"], systems)
      : empty("There is no remote training system here."),
    more(data.remote_training_systems.total, systems.length, "remote training systems"),
  ];
}

function named(item) {
  return [h("span", { title: item.id }, item.name || item.id), tags(item.tags)];
}

export function requests(data, { errorsOnly, choose }) {
  const wrong = (item) => item.status >= 400 || item.status === 0;
  const shown = data.requests.filter((item) => !errorsOnly || wrong(item));
  const rows = shown.map((item) => [
    time(item.at), h("code", {}, `${item.method} ${item.path}`),
    h("span", { class: wrong(item) ? "status wrong" : "status" }, item.status ? String(item.status) : "dropped"),
    `${number(Number((item.seconds * 1000).toPrecision(2)))}\u00a0ms`, item.user,
    [item.problem, item.fault ? ` (fault ${item.fault})` : ""].join("").trim(),
  ]);
  return [
    h("h1", {}, "Requests"),
    h("p", {}, h("label", {},
      h("input", { type: "checkbox", id: "errors-only", checked: errorsOnly, on: { change: choose } }), " errors only"),
    h("span", { class: "hint" }, ` ${data.requests.filter(wrong).length} of the last ${data.requests.length} failed`)),
    rows.length ? table("Requests, newest first", ["Time", "Request", "Status", "Took", "User", "Problem"], rows)
      : empty(errorsOnly ? "No request failed." : "Nothing was asked yet."),
  ];
}
