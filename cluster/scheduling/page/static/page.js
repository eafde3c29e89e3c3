"use strict";
// Everything from the registry goes in as text (textContent), never as HTML.

const SECONDS = 2;
const byId = (id) => document.getElementById(id);
let chosen = null;
let drawn = "";

function element(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

const moment = (seconds) => new Date(seconds * 1000).toLocaleString();

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("this page's server does not answer; is `posenas queue --web` still running?");
  }
  const isJson = (response.headers.get("Content-Type") || "").startsWith("application/json");
  const answer = isJson ? await response.json() : await response.text();
  if (!response.ok) throw new Error(isJson ? answer.detail : answer);
  return answer;
}

// What a person did wrong stays until they act again; a server that is silent, until it answers.
const troubles = { action: "", server: "" };
function trouble(of, error) {
  troubles[of] = error ? error.message : "";
  byId("trouble").textContent = [troubles.action, troubles.server].filter(Boolean).join("\n");
  byId("trouble").hidden = !byId("trouble").textContent;
}

async function act(path) {
  try {
    await ask(path, { method: "POST", headers: { "X-Posenas": "queue" } });
    trouble("action", null);
  } catch (error) {
    trouble("action", error);
  }
  await update();
}

function button(label, path, question) {
  const node = element("button", label);
  node.type = "button";
  node.addEventListener("click", (event) => {
    event.stopPropagation();
    if (question && !window.confirm(question)) return;
    node.disabled = true;
    act(path).finally(() => { node.disabled = false; });
  });
  return node;
}

function progress(job) {
  const cell = element("td");
  if (job.state === "running" && job.total > 0) {
    const bar = element("progress");
    bar.max = job.total;
    bar.value = job.done;
    bar.setAttribute("aria-label", `${job.done} of ${job.total}`);
    cell.append(bar);
  }
  cell.append(job.progress);
  if (job.remark) {
    const remark = job.remark.length > 120 ? `${job.remark.slice(0, 119)}…` : job.remark;
    cell.append(element("div", remark, job.state === "failed" ? "error" : "faint"));
  }
  return cell;
}

function actions(job) {
  const cell = element("td", undefined, "actions");
  if (job.in_mlflow) {
    const link = element("a", "MLflow", "button");
    link.href = `mlflow/${job.id}`;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    link.addEventListener("click", (event) => event.stopPropagation());
    cell.append(link);
  }
  if ((job.state === "running" && !job.cancel_requested) || job.state === "queued") {
    cell.append(button("cancel", `api/jobs/${job.id}/cancel`, `Cancel job ${job.id}? A running one stops at its next step and keeps its checkpoint.`));
  } else if (job.state === "failed") {
    cell.append(button("retry", `api/jobs/${job.id}/retry`));
  } else if (job.state === "cancelled") {
    cell.append(button("resume", `api/jobs/${job.id}/resume`));
  }
  return cell;
}

function row(job) {
  const line = element("tr");
  line.tabIndex = 0;
  line.dataset.job = job.id;
  if (job.id === chosen) line.className = "chosen";
  const state = element("td");
  const word = job.state === "running" && job.cancel_requested ? "stopping" : job.state;
  state.append(element("span", word, `state ${job.state}`));
  line.append(
    element("td", String(job.id), "number"),
    element("td", job.name, "name"),
    element("td", job.kind),
    state,
    progress(job),
    element("td", job.where),
    element("td", job.since, "number"),
    element("td", job.left, "number"),
    actions(job),
  );
  line.addEventListener("click", () => choose(job.id));
  line.addEventListener("keydown", (event) => {
    if (event.target === line && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      choose(job.id);
    }
  });
  return line;
}

function drawQueue(queue) {
  const workers = queue.workers === 1 ? "1 worker" : `${queue.workers} workers`;
  const mode = queue.mode === "open" ? "" : `; the queue is ${queue.mode}`;
  byId("summary").textContent = `${queue.counts.running} running, ${queue.counts.queued} waiting; ${workers}${mode}`;
  const bar = queue.mode === "open" ? button("pause the queue", "api/mode/paused") : button("open the queue", "api/mode/open");
  byId("mode").replaceChildren(bar);
  const focus = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.job : undefined;
  byId("jobs").replaceChildren(...queue.jobs.map((job) => row(job)));
  if (focus !== undefined) byId("jobs").querySelector(`[data-job="${Number(focus)}"]`)?.focus();
  byId("empty").hidden = queue.jobs.length > 0;
  byId("hidden").hidden = queue.hidden === 0;
  byId("hidden").textContent = `${queue.hidden} older ended jobs are not shown; posenas queue --all lists them.`;
}

function fact(name, value) {
  return value === null || value === undefined || value === "" ? [] : [element("dt", name), element("dd", String(value))];
}

async function drawDetails() {
  if (chosen === null) return;
  const { job, events } = await ask(`api/jobs/${chosen}`);
  byId("details").hidden = false;
  byId("details-title").textContent = `Job ${job.id}: ${job.name}`;
  byId("details-error").textContent = job.error || "";
  byId("details-error").hidden = !job.error;
  byId("facts").replaceChildren(
    ...fact("experiment", job.experiment_id),
    ...fact("folder", job.folder),
    ...fact("needs", `${job.cpus} CPUs, ${job.gpus} GPUs`),
    ...fact("priority", job.priority),
    ...fact("after", job.after.length ? `job ${job.after.join(", ")}` : ""),
    ...fact("attempts", `${job.attempt} made, ${job.failures} failed, ${job.max_attempts} allowed`),
    ...fact("where", job.place),
    ...fact("checkpoint", job.checkpoint),
    ...fact("log", job.log),
    ...fact("MLflow run", job.mlflow_run_id),
    ...fact("submitted", moment(job.created_at)),
    ...fact("note", job.note),
  );
  byId("events").replaceChildren(...events.map((event) => element("li", `${moment(event.at)}  ${event.kind}: ${event.text}${event.worker ? ` (${event.worker})` : ""}`)));
  byId("log").textContent = job.log_tail || "nothing yet";
  byId("settings").textContent = JSON.stringify(job.settings, null, 2);
}

function choose(id) {
  chosen = id;
  for (const line of byId("jobs").children) line.classList.toggle("chosen", Number(line.dataset.job) === id);
  drawDetails().then(() => byId("details").scrollIntoView({ block: "nearest" }), (error) => trouble("action", error));
}

async function refresh() {
  const queue = await ask("api/queue");
  const key = JSON.stringify(queue); // a page that a person reads stays as it is while nothing changes
  if (key !== drawn) {
    drawn = key;
    drawQueue(queue);
  }
  await drawDetails();
}

async function update() {
  try {
    await refresh();
    trouble("server", null);
  } catch (error) {
    trouble("server", error);
  }
}

async function live() {
  await update();
  window.setTimeout(live, document.hidden ? 10 * SECONDS * 1000 : SECONDS * 1000);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) update(); });
live();
