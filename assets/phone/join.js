// A phone's page in a room: one task, large. It asks for the state every two seconds, and shows it.
const texts = JSON.parse(document.getElementById("texts").textContent);
const EVERY = 2000;
const SIDE = 640; // longest side of a photo that is sent, in pixels
const QUALITY = 0.85;
const FRAME_SIDE = 320;
const ATTEMPTS = 3; // of an answer that does not come; photos are tried for ever

const main = document.getElementById("main");
const foot = document.getElementById("foot");
const say = (text, fields = {}) =>
  text.replace(/\{(\w+)\}/g, (whole, name) => (name in fields ? fields[name] : whole));

const element = (name, { text, on, ...attributes } = {}, ...children) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [event, heard] of Object.entries(on ?? {})) made.addEventListener(event, heard);
  for (const [key, value] of Object.entries(attributes))
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== undefined) made.setAttribute(key, value);
  made.append(...children.filter(Boolean));
  return made;
};
const button = (text, click, attributes = {}) =>
  element("button", { type: "button", text, on: { click }, ...attributes });

// What the phone remembers: who it is in which room, so that a screen that went off changes nothing.
const KEY = "ideal-cat-room";
const remembered = () => {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
};
const remember = (room) => {
  try {
    if (room) localStorage.setItem(KEY, JSON.stringify(room));
    else localStorage.removeItem(KEY);
  } catch {
    // a private window remembers nothing
  }
};
const asked = location.search.slice(1, 5).toUpperCase();
let room = remembered();
if (asked && room.code !== asked) room = {};

// Asking the server

class Refused extends Error {}
class Broken extends Error {} // the server is there, and has failed

const ask = async (path, { method = "GET", body, type } = {}) => {
  const answer = await fetch(`join/${encodeURIComponent(room.code)}/${path}`, {
    method,
    body,
    headers: {
      ...(room.token && { Authorization: `Bearer ${room.token}` }),
      ...(type && { "Content-Type": type }),
    },
    signal: AbortSignal.timeout(15000),
  });
  if (answer.headers.get("content-type")?.startsWith("image/")) return answer.blob();
  if (answer.status >= 500) throw new Broken();
  const told = await answer.json();
  if (told.problem) throw new Refused(told.problem);
  return told;
};
const post = (path, message = {}) =>
  ask(path, { method: "POST", body: JSON.stringify(message), type: "application/json" });

// Tell what keeps an answer from coming, if anything does.
const missed = (error) => {
  const line = document.getElementById("offline");
  line.hidden = !error;
  line.textContent = !error ? "" : error instanceof Broken ? texts.broken : texts.offline;
};
const problem = (text = "") => {
  const line = document.getElementById("problem");
  line.hidden = !text;
  line.textContent = text;
};

// Do what was pressed, again if the connection is gone for a moment; tell what was refused.
const doing = async (work) => {
  problem();
  for (let attempt = 1; ; attempt++)
    try {
      const told = await work();
      missed();
      return told;
    } catch (error) {
      if (error instanceof Refused) return void problem(error.message);
      missed(error);
      if (attempt === ATTEMPTS) return;
      await new Promise((wake) => setTimeout(wake, 1000 * attempt));
    }
};

// The state

let shown = "";
const show = (told) => {
  if (!told || !room.token) return; // an answer may come when the phone has left already
  const key = JSON.stringify({ ...told, seconds: undefined, best: undefined, place: undefined, teams: undefined });
  document.getElementById("who").textContent = [room.code, told.nickname].filter(Boolean).join(" · ");
  if (key !== shown) {
    const before = JSON.parse(shown || "{}");
    shown = key;
    if (before.task !== told.task || before.question !== told.question) problem();
    stopCamera();
    main.replaceChildren(...tasks[told.task](told));
    foot.replaceChildren(leaveButton());
  }
  running[told.task]?.(told);
};

const poll = async () => {
  if (room.token && !document.hidden)
    try {
      show(await ask("state"));
      missed();
    } catch (error) {
      if (error instanceof Refused) {
        out();
        problem(error.message);
      } else missed(error);
    }
  setTimeout(poll, EVERY);
};
document.addEventListener("visibilitychange", async () => {
  if (document.hidden) stopCamera();
  else if (room.token) show(await doing(() => ask("state")));
});

// In and out

const out = () => {
  stopCamera();
  queue.length = 0;
  for (const address of thumbnails.values()) URL.revokeObjectURL(address);
  thumbnails.clear();
  room = { code: room.code };
  remember(null);
  shown = "";
  document.getElementById("who").textContent = "";
  main.replaceChildren(...door());
  foot.replaceChildren();
};

const door = () => {
  const code = element("input", {
    id: "code", maxlength: 4, required: true, autocomplete: "off", autocapitalize: "characters",
    spellcheck: "false", value: asked || room.code || "", class: "code",
  });
  const nickname = element("input", {
    id: "nickname", maxlength: texts.longestNickname, autocomplete: "off", spellcheck: "false",
  });
  const enter = async (event) => {
    event.preventDefault();
    room = { code: code.value.trim().toUpperCase() };
    const told = await doing(() => post("join", { nickname: nickname.value }));
    if (!told) return;
    room = { code: told.code, token: told.token };
    remember(room);
    show(await doing(() => ask("state")));
  };
  return [
    element("h1", { text: texts.title }),
    element(
      "form",
      { on: { submit: enter } },
      element("label", { for: "code", text: texts.code }),
      code,
      element("label", { for: "nickname", text: texts.nickname }),
      nickname,
      element("button", { type: "submit", text: texts.join, class: "main" })
    ),
  ];
};

const leaveButton = () =>
  button(texts.leave, async () => {
    if (!confirm(texts.leaveAsk)) return;
    // Without a connection the phone stays in: what it has sent could not be deleted later.
    const isGone = (error) => {
      if (error instanceof Refused) return {};
      throw error;
    };
    if (await doing(() => post("leave").catch(isGone))) out();
  }, { class: "quiet" });

// Photos

const picture = async (file, side) => {
  // Drawn anew: smaller, the right way up, and without what a file tells of its maker and place.
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
};

const queue = []; // photos on their way; kept until the server has them or refuses them
const thumbnails = new Map();
let isSending = false;
const send = async () => {
  if (isSending) return;
  isSending = true;
  while (queue.length) {
    const photo = queue[0];
    try {
      const told = await ask(`photos/${photo.label}/${photo.id}`, { method: "POST", body: photo.blob, type: "image/jpeg" });
      queue.shift();
      missed();
      show(told);
    } catch (error) {
      if (error instanceof Refused) {
        queue.shift();
        thumbnails.delete(photo.id);
        problem(error.message);
      } else {
        missed(error);
        await new Promise((wake) => setTimeout(wake, 2000));
      }
    }
    tellQueue();
  }
  isSending = false;
};
const tellQueue = () => {
  const line = document.getElementById("queue");
  if (!line) return;
  line.hidden = !queue.length;
  line.textContent = queue.length ? say(texts.sending, { count: queue.length }) : "";
};
const newId = () => [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");

const chooser = (text, taken, attributes, look = "button main") => {
  const input = element("input", { type: "file", class: "file", ...attributes, on: { change: async () => {
    problem();
    for (const file of input.files)
      try {
        await taken(file);
      } catch {
        problem(texts.unreadable);
      }
    input.value = "";
  } } });
  return element("label", { class: look }, element("span", { text }), input);
};

// Of the classes none is chosen at first: a photo in the wrong class is worse than one more tap.
let chosen = null;
let classesBefore = "";
const taken = async (file) => {
  const label = chosen;
  const blob = await picture(file, SIDE);
  const id = newId();
  thumbnails.set(id, URL.createObjectURL(blob));
  queue.push({ id, label, blob });
  tellQueue();
  send();
};
// They stay while the page around them is drawn anew: a camera that is open then must find its way back.
const photograph = chooser(texts.photograph, taken, { accept: "image/*", capture: "environment" });
const fromGallery = chooser(texts.gallery, taken, { accept: "image/jpeg,image/png,image/webp", multiple: true }, "button");
const collect = (told) => {
  if (!told.consent)
    return [
      element("h1", { text: texts.consentTitle }),
      element("p", { text: texts.consent }),
      button(texts.agree, async () => show(await doing(() => post("consent"))), { class: "main" }),
    ];
  if (classesBefore !== String(told.classes)) chosen = null;
  classesBefore = String(told.classes);
  const counts = told.classes.map((_, label) => told.mine.filter((sent) => sent.label === label).length);
  const cameras = element("div", { class: "cameras", hidden: chosen === null }, photograph, fromGallery);
  const choose = (label) => {
    chosen = label;
    cameras.hidden = false;
    photograph.firstChild.textContent = say(texts.photographOf, { name: told.classes[label] });
  };
  if (chosen !== null) choose(chosen);
  const classes = told.classes.map((name, label) =>
    element("label", { class: "option" },
      element("input", { type: "radio", name: "class", checked: label === chosen, on: { change: () => {
        choose(label);
        scrollTo({ top: 0, behavior: "smooth" });
      } } }),
      element("span", { text: name }), element("span", { class: "count", text: String(counts[label]) })));
  const takeBack = async (id) => {
    show(await doing(() => ask(`photos/${id}`, { method: "DELETE" })));
  };
  const mine = told.mine.map(({ id, label }) =>
    element("li", {},
      thumbnails.has(id) ? element("img", { src: thumbnails.get(id), alt: told.classes[label] }) : element("span", { text: told.classes[label] }),
      button("×", () => takeBack(id), { "aria-label": texts.takeBack, title: texts.takeBack })));
  return [
    cameras,
    element("p", { id: "queue", role: "status" }),
    element("fieldset", {}, element("legend", { text: texts.whichClass }), ...classes),
    element("p", { text: say(texts.sent, { count: told.mine.length }), role: "status" }),
    element("ul", { class: "mine" }, ...mine.reverse()),
    told.mine.length > 1 && button(texts.takeAllBack, async () => {
      if (confirm(texts.takeAllBackAsk)) await takeBack("all");
    }, { class: "quiet" }),
  ].filter(Boolean);
};

// Questions

// The pictures of a question stay while its answer changes: fetched once, they do not flicker.
let asking = { question: null, images: [] };
const pictured = ({ question, pictures }) => {
  if (asking.question === question) return asking.images;
  for (const { src } of asking.images) if (src) URL.revokeObjectURL(src);
  const mine = (asking = { question, images: [] });
  asking.images = [...Array(pictures).keys()].map((number) => {
    const alt = pictures > 1 ? [texts.first, texts.second][number] : texts.onlyPicture;
    const image = element("img", { alt });
    const fetched = async () => {
      try {
        image.src = URL.createObjectURL(await ask(`picture/${question}/${number}`));
      } catch (error) {
        if (!(error instanceof Refused) && asking === mine) setTimeout(fetched, EVERY);
      }
    };
    fetched();
    return image;
  });
  return asking.images;
};
const question = (told) => {
  const answer = async (value) => {
    show(await doing(() => post("vote", { question: told.question, answer: value })));
    main.querySelector("[aria-pressed=true]")?.focus();
  };
  const pictures = pictured(told).map((image) =>
    element("figure", {}, image, told.pictures > 1 && element("figcaption", { text: image.alt })));
  const options = told.options.map((text, number) =>
    button(text, () => answer(number), {
      class: ["option", told.revealed && number === told.right && "is-right"].filter(Boolean).join(" "),
      "aria-pressed": String(told.mine === number), disabled: told.revealed,
    }));
  const typed = element("input", {
    id: "typed", maxlength: texts.longestAnswer, autocomplete: "off", autocapitalize: "none", enterkeyhint: "send",
    required: true, value: told.mine ?? "",
  });
  const form = !told.options.length && !told.revealed &&
    element("form", { on: { submit: (event) => { event.preventDefault(); answer(typed.value); } } },
      element("label", { for: "typed", text: texts.typed }), typed,
      element("button", { type: "submit", text: texts.send, class: "main" }));
  const verdict = told.revealed
    ? [told.hasRight && told.mine !== null && (told.isRight ? texts.right : texts.wrong),
       told.subject && `${say(texts.itWas, { name: told.subject })}.`, texts.over]
    : [told.mine !== null && texts.answered];
  return [
    element("h1", { text: told.text }),
    pictures.length && element("div", { class: "pictures" }, ...pictures),
    element("div", { class: "options" }, ...options), form,
    element("p", { role: "status", text: verdict.filter(Boolean).join(" ") }),
  ].filter(Boolean);
};

// The camera

let camera = null;
const stopCamera = () => {
  camera?.getTracks().forEach((track) => track.stop());
  camera = null;
};
const frames = (told) => {
  const video = element("video", { playsinline: true, hidden: true });
  video.muted = true;
  const photo = element("img", { alt: "", hidden: true });
  const answers = element("ol", { class: "answers", "aria-live": "off" });
  let wait = 1000; // from frame to frame; the server says how long
  const row = ({ name, share, width }, kind) => {
    const bar = element("span", { class: "bar" });
    bar.style.width = `${width}%`;
    return element("li", { class: kind }, bar, element("span", { text: name }), element("span", { text: share }));
  };
  const look = async (jpeg) => {
    const seen = await ask("frame", { method: "POST", body: jpeg, type: "image/jpeg" });
    wait = 1000 * seen.wait;
    if (!seen.answers) return; // an earlier frame is being looked at
    const others = seen.answers.filter(({ name }) => name !== seen.target?.name);
    answers.replaceChildren(...(seen.target ? [row(seen.target, "target")] : []), ...others.map((one) => row(one)));
    if (seen.best) document.getElementById("best").textContent = say(texts.yourBest, { share: seen.best });
  };
  const shot = chooser(texts.shot, async (file) => {
    const jpeg = await picture(file, FRAME_SIDE);
    URL.revokeObjectURL(photo.src);
    photo.src = URL.createObjectURL(jpeg);
    photo.hidden = false;
    await doing(() => look(jpeg));
  }, { accept: "image/*", capture: "environment" });
  const isLive = (is) => {
    live.textContent = is ? texts.stopLive : texts.live;
    video.hidden = !is;
    shot.hidden = is;
    if (is) photo.hidden = true;
  };
  const live = button(texts.live, async () => {
    if (camera) return stopCamera();
    problem();
    live.disabled = true;
    try {
      camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: 640 } });
      video.srcObject = camera;
      await video.play();
    } catch {
      stopCamera();
      return problem(texts.noCamera);
    } finally {
      live.disabled = false;
    }
    const mine = camera;
    isLive(true);
    while (camera === mine) {
      const began = performance.now();
      try {
        await look(await picture(video, FRAME_SIDE));
        missed();
      } catch (error) {
        if (error instanceof Refused) {
          problem(error.message);
          stopCamera();
        } else missed(error);
      }
      await new Promise((wake) => setTimeout(wake, Math.max(200, wait - (performance.now() - began))));
    }
    isLive(false);
  }, { class: "main" });
  return [
    element("h1", { text: told.task === "fool" ? say(texts.makeItSay, { name: told.target }) : texts.askIt }),
    told.task === "fool" && element("p", { id: "left", role: "timer" }),
    element("div", { id: "camera" },
      navigator.mediaDevices?.getUserMedia && live, // over plain http there is none
      shot),
    video, photo, answers,
    told.task === "fool" && element("div", { class: "standing" }, element("p", { id: "best" }), element("p", { id: "place" })),
  ].filter(Boolean);
};

let ends = 0; // of the round, on the phone's own clock
const tellTime = () => {
  const left = document.getElementById("left");
  if (!left) return;
  const seconds = Math.max(0, Math.ceil((ends - performance.now()) / 1000));
  left.textContent = seconds ? say(texts.secondsLeft, { count: seconds }) : texts.roundOver;
};
setInterval(tellTime, 500);

const tasks = {
  wait: () => [element("p", { class: "wait", text: texts.wait })],
  collect,
  poll: question,
  fool: frames,
  ask: frames,
};
// What changes while the task stays
const running = {
  collect: tellQueue,
  fool: (told) => {
    ends = performance.now() + 1000 * told.seconds;
    tellTime();
    document.getElementById("camera").hidden = !told.seconds;
    document.getElementById("best").textContent = told.best ? say(texts.yourBest, { share: told.best }) : "";
    document.getElementById("place").textContent = told.place ? say(texts.yourPlace, told) : "";
    if (!told.seconds) stopCamera();
  },
};

if (!room.token) out();
poll();
