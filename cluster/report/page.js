// What moves in report.html: values beside the pointer, milestones under a slider, the clips behind a number.
"use strict";

const find = (selector, within = document) => [...within.querySelectorAll(selector)];

function make(tag, kind, text) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text) element.textContent = text;
  return element;
}

// Values of a curve follow the pointer at once; without this script the browser shows them as a tooltip.
function showValues() {
  const tip = make("div", "tip");
  tip.hidden = true;
  document.body.append(tip);
  for (const stripe of find(".hover")) {
    const title = stripe.querySelector("title");
    const [place, values] = title.textContent.split(/: (.*)/);
    stripe.setAttribute("aria-label", title.textContent);
    title.remove();
    stripe.addEventListener("pointermove", (event) => {
      tip.replaceChildren(make("b", "", place), ...values.split(", ").map((value) => make("span", "", value)));
      tip.hidden = false;
      const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
      tip.style.left = `${Math.max(8, left)}px`;
      tip.style.top = `${Math.max(8, event.clientY - tip.offsetHeight - 10)}px`;
    });
    stripe.addEventListener("pointerleave", () => { tip.hidden = true; });
  }
}

// One of several figures at a time, chosen with a slider.
function showMilestones() {
  for (const group of find(".milestones")) {
    const figures = find("figure", group);
    if (figures.length < 2) continue;
    const slider = make("input");
    Object.assign(slider, { type: "range", min: 0, max: figures.length - 1, value: figures.length - 1 });
    slider.setAttribute("aria-label", "milestone");
    const show = () => figures.forEach((figure, number) => { figure.hidden = number !== Number(slider.value); });
    slider.addEventListener("input", show);
    group.prepend(slider);
    show();
  }
}

// Figures that stand side by side are small: a click gives one the whole width, and takes it back.
function showLarge() {
  for (const image of find(".pair figure img")) {
    image.addEventListener("click", () => image.closest("figure").classList.toggle("large"));
  }
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// A clip as a skeleton that moves at its own speed and turns a little, so that depth can be seen.
class Skeleton {
  constructor(clip, data) {
    this.clip = clip;
    this.data = data;
    this.poses = bytes(clip.poses);
    this.people = this.poses.length / (clip.frames * data.joints * 3);
    this.canvas = make("canvas");
    this.canvas.width = this.canvas.height = 300;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `moving skeleton of ${clip.name}`);
  }

  // Where a joint stands on the canvas, or null if it was not seen.
  place(frame, joint, yaw) {
    const at = (frame * this.people * this.data.joints + joint) * 3;
    const [x, y, z] = this.poses.subarray(at, at + 3);
    if (x === 255 && y === 255 && z === 255) return null;
    const across = (x - 127) * Math.cos(yaw) + (z - 127) * Math.sin(yaw);
    return [150 + across * 1.08, 150 - (y - 127) * 1.08];
  }

  draw(seconds, colors) {
    const { clip, data, canvas } = this;
    const passed = clip.seconds > 0 ? (seconds % clip.seconds) / clip.seconds : 0;
    const frame = Math.min(clip.frames - 1, Math.floor(passed * clip.frames));
    const yaw = 0.5 * Math.sin(seconds * 0.8);
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.lineCap = "round";
    pen.lineWidth = 5;
    for (let person = 0; person < this.people; person += 1) {
      pen.globalAlpha = person ? 0.6 : 1;
      data.bones.forEach((bone, number) => {
        const ends = bone.map((joint) => this.place(frame, person * data.joints + joint, yaw));
        if (!ends[0] || !ends[1]) return;
        pen.strokeStyle = colors[data.sides[number]];
        pen.beginPath();
        pen.moveTo(...ends[0]);
        pen.lineTo(...ends[1]);
        pen.stroke();
      });
    }
  }
}

// A click on a number of the confusion matrix shows the clips behind it.
function showClips() {
  const source = document.getElementById("clips");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const panel = document.getElementById("behind");
  const style = getComputedStyle(document.documentElement);
  const colors = ["--ink", "--c0", "--c1"].map((name) => style.getPropertyValue(name).trim());
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let moving = [];

  function animate(milliseconds) {
    for (const skeleton of moving) skeleton.draw(milliseconds / 1000, colors);
    if (moving.length && !still) requestAnimationFrame(animate);
  }

  function card(skeleton) {
    const { clip } = skeleton;
    const image = make("img");
    image.src = `data:image/png;base64,${clip.image}`;
    image.alt = `Enhanced-SPMF image of ${clip.name}`;
    const pair = make("div", "pair-of-views");
    pair.append(skeleton.canvas, image);
    const percent = `${(clip.probability * 100).toFixed(0)} %`;
    const text = `${percent} sure of ${data.names[clip.answer]}`;
    const figure = make("figure", "clip");
    figure.append(pair, make("figcaption", "", `${clip.name}: ${text}`));
    return figure;
  }

  function show(button) {
    const [label, answer] = button.dataset.square.split(",").map(Number);
    const clips = data.clips.filter((clip) => clip.label === label && clip.answer === answer);
    const missing = data.left_out[button.dataset.square] || 0;
    const right = label === answer;
    const title = `${data.names[label]} ${right ? "named rightly" : `taken for ${data.names[answer]}`}`;
    const skeletons = clips.map((clip) => new Skeleton(clip, data));
    const more = missing ? `; ${missing} more are left out to keep this page small` : "";
    const grid = make("div", "clips");
    grid.append(...skeletons.map(card));
    const count = `${clips.length} ${clips.length === 1 ? "clip" : "clips"}${more}`;
    panel.replaceChildren(make("h3", "", title), make("p", "caption", count), grid);
    find(".confusion button[aria-pressed=true]").forEach((other) => other.setAttribute("aria-pressed", "false"));
    button.setAttribute("aria-pressed", "true");
    const idle = moving.length === 0 || still;
    moving = skeletons;
    if (idle) requestAnimationFrame(animate);
    panel.scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });
  }

  for (const button of find(".confusion button")) button.addEventListener("click", () => show(button));
}

showValues();
showMilestones();
showLarge();
showClips();
