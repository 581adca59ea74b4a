// Sign-in, the way between views, and asking for news: every other second while somebody looks, never otherwise.

import { onWidthChange } from "./chart.js";
import { h } from "./dom.js";
import { objects, requests, training, trainings } from "./views.js";

const PAUSE = 2000;
const LONGEST_PAUSE = 30000;
const element = (id) => document.getElementById(id);
const own = { csrf: "", scopes: [], scope: "", errorsOnly: false, ownModels: false };
const shown = { view: null, tag: "", data: null, states: new Map() };
let timer = 0;
let asked = 0;
let pause = PAUSE;

// the service

async function call(method, path, { body, tag } = {}) {
  const headers = {};
  if (method !== "GET") headers["X-CSRF-Token"] = own.csrf;
  if (body) headers["Content-Type"] = "application/json";
  if (tag) headers["If-None-Match"] = tag;
  const answer = await fetch(`api/${path}`, {
    method, headers, body: body && JSON.stringify(body), cache: "no-store", credentials: "same-origin", redirect: "error",
  });
  if (answer.ok || answer.status === 304) return answer;
  let text = `The service answered ${answer.status}.`;
  try {
    text = (await answer.json()).errors[0].message;
  } catch {
    // The body is not the service's; the status has to do.
  }
  throw Object.assign(new Error(text), { status: answer.status });
}

function scoped(path) {
  const [kind, id] = own.scope.split(" ");
  return `${path}?${new URLSearchParams({ [kind]: id })}`;
}

// signing in and out

function signedOut(text = "") {
  clearTimeout(timer);
  asked += 1; // what was asked for before is not drawn when it comes
  Object.assign(own, { csrf: "", scopes: [], scope: "" });
  Object.assign(shown, { view: null, tag: "", data: null });
  shown.states.clear();
  element("view").replaceChildren();
  element("account").hidden = element("nav").hidden = true;
  element("sign-in").hidden = false;
  document.title = "Sign in – Local WML service";
  trouble(text);
  element("apikey").focus();
}

function signedIn(session) {
  own.csrf = session.csrf_token;
  own.scopes = session.scopes;
  const wanted = sessionStorage.getItem("scope");
  const values = session.scopes.map((scope) => `${scope.kind} ${scope.id}`);
  own.scope = values.includes(wanted) ? wanted : values[0] || "";
  element("scope").replaceChildren(...session.scopes.map((scope, index) => h("option",
    { value: values[index], selected: values[index] === own.scope },
    `${scope.name || scope.id} (${scope.kind === "space_id" ? "space, " : ""}${scope.role})`)));
  element("user").textContent = session.username;
  element("sign-in").hidden = true;
  element("account").hidden = element("nav").hidden = false;
  trouble(own.scope ? "" : "You are a member of no project or space.");
  follow();
}

element("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = element("apikey");
  try {
    const answer = await call("POST", "session", { body: { apikey: field.value } });
    field.value = "";
    signedIn(await answer.json());
    element("main").focus();
  } catch (error) {
    trouble(error.message);
    field.select();
  }
});

element("sign-out").addEventListener("click", async () => {
  try {
    await call("DELETE", "session");
    signedOut();
  } catch (error) {
    if (error.status === 401) signedOut();
    else trouble(error.message);
  }
});

element("scope").addEventListener("change", (event) => {
  own.scope = event.target.value;
  sessionStorage.setItem("scope", own.scope);
  shown.states.clear();
  if (location.hash.startsWith("#/trainings/")) location.hash = "#/trainings";
  else follow();
});

// views

const VIEWS = { trainings, objects, requests };

function wanted() {
  const [, name, id] = location.hash.split("/");
  if (name === "trainings" && id) return { name, id: decodeURIComponent(id), path: `trainings/${id}` };
  return { name: name in VIEWS ? name : "trainings", id: "", path: name in VIEWS ? name : "trainings" };
}

function follow() {
  const view = wanted();
  Object.assign(shown, { view, tag: "", data: null });
  for (const link of element("nav").children) {
    if (link.hash === `#/${view.name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  element("view").replaceChildren();
  refresh();
}

async function refresh() {
  clearTimeout(timer);
  if (!own.csrf || !own.scope || document.hidden) return;
  const mine = ++asked;
  try {
    const answer = await call("GET", scoped(shown.view.path), { tag: shown.tag });
    const data = answer.status === 304 ? null : await answer.json();
    if (mine !== asked) return;
    if (pause !== PAUSE) trouble("");
    pause = PAUSE;
    if (data) {
      shown.tag = answer.headers.get("ETag");
      shown.data = data;
      draw();
    }
  } catch (error) {
    if (mine !== asked) return;
    if (error.status === 401) {
      signedOut("You are signed out. Sign in again.");
      return;
    }
    pause = Math.min(LONGEST_PAUSE, pause * 2);
    trouble(error.status ? error.message : "The service does not answer. Trying again …");
  }
  timer = setTimeout(refresh, pause);
}

// Draws the view anew; focus, open details and scroll position stay.
function draw() {
  const { view, data } = shown;
  const place = element("view");
  const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
  const open = [...place.querySelectorAll("details[open]")].map((item) => item.id);
  const parts = view.id ? training(data, trainingChoice(data)) : VIEWS[view.name](data, requestChoice());
  place.replaceChildren(...parts.flat().filter(Boolean));
  for (const id of open) element(id)?.setAttribute("open", "");
  if (focused) element(focused)?.focus({ preventScroll: true });
  document.title = `${place.querySelector("h1").textContent} – Local WML service`;
  speak(view.id ? [data] : data.trainings || []);
}

function trainingChoice(data) {
  const chooseModels = (event) => {
    own.ownModels = event.target.checked;
    draw();
  };
  return { cancel: () => confirmCancel(data), ownModels: own.ownModels, chooseModels };
}

function requestChoice() {
  const choose = (event) => {
    own.errorsOnly = event.target.checked;
    draw();
  };
  return { errorsOnly: own.errorsOnly, choose };
}

// Says a change of state to those who do not see it.
function speak(found) {
  for (const item of found) {
    const before = shown.states.get(item.id);
    if (before && before !== item.state) {
      element("spoken").textContent = `The training ${item.name || item.id} is ${item.state.replaceAll("_", " ")}.`;
    }
    shown.states.set(item.id, item.state);
  }
}

function trouble(text) {
  element("trouble").textContent = text;
  element("trouble").hidden = !text;
}

// cancelling

function confirmCancel(data) {
  const dialog = element("confirm");
  element("confirm-text").textContent = `Cancel the training “${data.name || data.id}”? Its parties are sent home; it cannot go on.`;
  element("confirm-yes").onclick = async () => {
    dialog.close();
    try {
      await call("POST", scoped(`trainings/${encodeURIComponent(data.id)}/cancel`));
      trouble("");
    } catch (error) {
      if (error.status === 401) {
        signedOut("You are signed out. Sign in again.");
        return;
      }
      trouble(error.message);
    }
    refresh();
  };
  element("confirm-no").onclick = () => dialog.close();
  dialog.showModal();
}

addEventListener("hashchange", () => {
  if (!own.csrf || !location.hash.startsWith("#/")) return;
  trouble("");
  follow();
  element("main").focus();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view
  element("main").focus();
});
document.addEventListener("visibilitychange", refresh);
onWidthChange(() => shown.data && draw());

try {
  signedIn(await (await call("GET", "session")).json());
} catch (error) {
  signedOut(error.status === 401 ? "" : error.message);
}
