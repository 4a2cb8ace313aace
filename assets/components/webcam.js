// The webcam: photos for a class while a button is held, or answers to what it sees just now.
// Every text comes translated from Python and is only ever set as text.

const PHOTO_EVERY = 100; // ms
const BATCH = 10; // photos sent while the button is still held
const MOST_PER_BATCH = 20; // Python refuses more
const MOST_UNSENT = 100; // the connection is too slow; do not fill the visitor's memory
const PATIENCE = 5000; // ms until what got no answer is sent again
const MANY_POSTS = 3; // of the same batch; then the visitor is told
const IDLE = 120_000; // ms after which a camera that nobody uses is let go

const panels = new WeakMap(); // by shadow root: a panel outlives the updates of its data
let holder = null; // the one panel that has the camera
document.addEventListener("visibilitychange", () => document.hidden && holder?.turnOff());

export default function ({ data, parentElement, setTriggerValue }) {
  let panel = panels.get(parentElement);
  if (!panel) {
    panel = data.mode === "live" ? new Live(parentElement) : new Recorder(parentElement);
    panels.set(parentElement, panel);
  }
  panel.send = setTriggerValue;
  panel.update(data);
  // Streamlit also calls this for an update that was overtaken by the next one.
  return () => setTimeout(() => parentElement.isConnected || panel.turnOff());
}

function make(tag, className = "", attributes = {}) {
  const element = document.createElement(tag);
  element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function button(className) {
  return make("button", className, { type: "button" });
}

class Camera {
  constructor(video) {
    this.video = video;
    this.stream = null;
    this.wish = 0; // grows with each wish, so that a late stream knows it is no longer wanted
    this.canvas = document.createElement("canvas");
    this.lastFrame = -1;
  }

  get isOn() {
    return this.stream !== null;
  }

  // Gives whether the camera is on now; throws what getUserMedia throws.
  async open(deviceId) {
    this.close();
    const wish = this.wish;
    const size = { width: { ideal: 640 }, height: { ideal: 480 } };
    const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
    const stream = await navigator.mediaDevices.getUserMedia({ video: { ...size, ...which } });
    if (wish !== this.wish) {
      stream.getTracks().forEach((track) => track.stop());
      return false;
    }
    this.stream = stream;
    this.video.srcObject = stream;
    // A mirror is what people expect of their own face. The photos are not mirrored.
    const facing = this.track.getSettings().facingMode;
    this.video.classList.toggle("mirrored", facing !== "environment");
    await this.video.play().catch(() => {}); // interrupted by another wish
    return this.isOn;
  }

  get track() {
    return this.stream.getVideoTracks()[0];
  }

  // The camera after the present one, or undefined where there is only one.
  async another() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const cameras = devices.filter(({ kind }) => kind === "videoinput");
    if (cameras.length < 2 || !this.isOn) return undefined;
    const present = this.track.getSettings().deviceId;
    const place = cameras.findIndex(({ deviceId }) => deviceId === present);
    return cameras[(place + 1) % cameras.length].deviceId;
  }

  close() {
    this.wish += 1;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
    this.lastFrame = -1;
  }

  // The middle square as a JPEG's data URI; null if the camera has shown nothing new.
  grab(side, quality) {
    const { videoWidth, videoHeight, currentTime } = this.video;
    if (!this.isOn || !videoWidth || currentTime === this.lastFrame) return null;
    this.lastFrame = currentTime;
    const square = Math.min(videoWidth, videoHeight);
    this.canvas.width = this.canvas.height = side;
    this.canvas
      .getContext("2d")
      .drawImage(
        this.video,
        (videoWidth - square) / 2,
        (videoHeight - square) / 2,
        square,
        square,
        0,
        0,
        side,
        side,
      );
    return this.canvas.toDataURL("image/jpeg", quality);
  }
}

function base64(uri) {
  return uri.slice(uri.indexOf(",") + 1);
}

// What both panels have: preview, switch, another camera, and a line that says what is wrong.
class Panel {
  constructor(root) {
    this.root = root;
    this.send = () => {};
    this.data = null;
    this.element = make("div", `webcam ${this.constructor.name.toLowerCase()}`);
    this.video = make("video");
    this.video.muted = this.video.playsInline = true;
    this.switch = button("switch");
    this.next = button("next");
    this.message = make("p", "message", { role: "alert" });
    this.status = make("p", "unseen", { role: "status" });
    this.buttons = make("div", "buttons");
    this.buttons.append(this.switch, this.next);
    this.camera = new Camera(this.video);
    this.switch.onclick = () => (this.camera.isOn ? this.turnOff() : this.turnOn());
    this.next.onclick = async () => this.turnOn(await this.camera.another());
    root.append(this.element);
  }

  update(data) {
    // What was sent as a part of the page waits until the page has ended; a watching one does not.
    const isOvertaken = this.data !== null && this.data.watched !== data.watched;
    this.data = data;
    this.video.setAttribute("aria-label", data.texts.preview);
    this.next.textContent = data.texts.next;
    if (data.problem) this.say(data.problem);
    this.show();
    if (isOvertaken) this.sendAgain();
  }

  show() {
    const { isOn } = this.camera;
    this.switch.textContent = isOn ? this.data.texts.off : this.data.texts.on;
    this.element.classList.toggle("on", isOn);
    this.video.hidden = !isOn;
    this.next.hidden = !isOn || !this.hasAnother;
  }

  say(text) {
    this.message.textContent = text;
  }

  async turnOn(deviceId) {
    this.say("");
    if (!navigator.mediaDevices?.getUserMedia) return this.say(this.data.texts.insecure);
    if (holder !== this) holder?.turnOff();
    holder = this;
    try {
      if (!(await this.camera.open(deviceId))) return;
      this.camera.track.onended = () => this.lose();
      this.hasAnother = (await this.camera.another()) !== undefined;
    } catch (error) {
      this.turnOff();
      return this.say(this.reason(error));
    }
    this.rest();
    this.show();
    if (this.camera.isOn) this.begin();
  }

  reason({ name }) {
    const { denied, missing, busy, failed } = this.data.texts;
    const known = {
      NotAllowedError: denied,
      SecurityError: denied,
      NotFoundError: missing,
      OverconstrainedError: missing,
      NotReadableError: busy,
      AbortError: busy,
    };
    return known[name] ?? failed;
  }

  lose() {
    this.turnOff();
    this.say(this.data.texts.missing);
  }

  // Start the wait after which the camera is let go.
  rest() {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.turnOff(), IDLE);
  }

  turnOff() {
    clearTimeout(this.idle);
    this.end();
    this.camera.close();
    if (holder === this) holder = null;
    if (this.data) this.show();
  }

  begin() {}
  end() {}
  sendAgain() {}
}

// Hold the button: ten photos a second go into the class.
class Recorder extends Panel {
  constructor(root) {
    super(root);
    this.unsent = [];
    this.recent = [];
    this.underway = null; // the batch that Python has not confirmed
    this.sent = 0;
    this.visit = Math.random().toString(36).slice(2);
    this.isHeld = false;
    this.owesLast = false; // a hold has ended and Python has not been told so
    this.hold = button("hold");
    this.count = make("p", "count");
    this.thumbnails = make("ul", "thumbnails");
    this.buttons.prepend(this.hold);
    this.element.append(this.video, this.buttons, this.message, this.count, this.status);
    this.element.append(this.thumbnails);
    this.listen();
  }

  listen() {
    const { hold } = this;
    hold.onpointerdown = (event) => {
      if (event.button !== 0) return;
      hold.setPointerCapture(event.pointerId);
      this.press();
    };
    hold.onpointerup = hold.onpointercancel = hold.onlostpointercapture = () => this.release();
    hold.onblur = () => this.release();
    hold.oncontextmenu = (event) => event.preventDefault(); // a long touch is no right click
    hold.onkeydown = (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      event.stopPropagation();
      if (!event.repeat) this.press();
    };
    hold.onkeyup = (event) => {
      if (event.key === " " || event.key === "Enter") this.release();
    };
    // Screen readers and switches can click, but not hold: one second of photos.
    hold.onclick = (event) => {
      if (event.detail !== 0 || this.isHeld) return;
      this.press();
      setTimeout(() => this.release(), 1000);
    };
  }

  update(data) {
    if (this.underway && data.received === this.underway.batch) {
      clearTimeout(this.timer);
      this.underway = null;
      if (this.message.textContent === data.texts.slow) this.say("");
    }
    // Python knows of no batch any more: the connection was gone for longer than it keeps things.
    if (this.data?.count && !data.received) {
      this.posts = 0;
      this.say(data.texts.lost);
    }
    super.update(data);
    this.deliver();
  }

  show() {
    super.show();
    const { texts, count, most, thumbnails } = this.data;
    const coming = this.unsent.length + (this.underway?.photos.length ?? 0);
    const total = count + coming;
    this.hold.hidden = !this.camera.isOn;
    this.hold.textContent = this.isHeld ? texts.recording : texts.hold;
    this.hold.setAttribute("aria-label", texts.holdFor);
    this.hold.setAttribute("aria-pressed", String(this.isHeld));
    this.hold.disabled = total >= most;
    this.count.textContent =
      total >= most
        ? texts.full.replace("{count}", most)
        : texts.count.replace("{count}", total);
    if (!coming && !this.isHeld) this.recent = thumbnails;
    this.showThumbnails();
  }

  showThumbnails() {
    const shown = this.recent.slice(-this.data.recent);
    while (this.thumbnails.children.length > shown.length) this.thumbnails.lastChild.remove();
    shown.forEach((uri, place) => {
      let image = this.thumbnails.children[place]?.firstChild;
      if (!image) {
        image = make("img", "", { alt: "" });
        const item = make("li");
        item.append(image);
        this.thumbnails.append(item);
      }
      if (image.src !== uri) image.src = uri;
    });
  }

  press() {
    if (this.isHeld || !this.camera.isOn || this.hold.disabled) return;
    this.isHeld = true;
    this.say("");
    clearTimeout(this.idle);
    this.due = performance.now();
    // Ticks finer than the photos, because a timer that is late must not lower their number.
    this.ticks = setInterval(() => this.tick(), PHOTO_EVERY / 4);
    this.tick();
  }

  tick() {
    const now = performance.now();
    if (now < this.due) return;
    const photo = this.camera.grab(this.data.side, this.data.quality);
    if (!photo) return;
    this.due = Math.max(this.due + PHOTO_EVERY, now - PHOTO_EVERY / 2);
    this.unsent.push(photo);
    this.recent = [...this.recent, photo].slice(-this.data.recent);
    this.show();
    this.deliver();
    if (this.hold.disabled) this.release();
    if (this.unsent.length >= MOST_UNSENT) {
      this.release();
      this.say(this.data.texts.slow);
    }
  }

  release() {
    if (!this.isHeld) return;
    clearInterval(this.ticks);
    this.isHeld = false;
    this.owesLast = true;
    this.rest();
    this.show();
    this.status.textContent = this.count.textContent;
    this.deliver();
  }

  // One batch is underway at a time: Streamlit keeps only the latest of several.
  deliver() {
    if (this.underway) return;
    const enough = this.isHeld ? this.unsent.length >= BATCH : this.owesLast;
    if (!enough) return;
    const photos = this.unsent.splice(0, MOST_PER_BATCH);
    const last = !this.isHeld && this.unsent.length === 0;
    if (last) this.owesLast = false;
    this.sent += 1;
    this.underway = { batch: `${this.visit}-${this.sent}`, photos: photos.map(base64), last };
    this.posts = 0;
    this.post();
  }

  post() {
    clearTimeout(this.timer);
    this.send("photos", this.underway);
    this.posts += 1;
    if (this.posts >= MANY_POSTS) this.say(this.data.texts.slow);
    // Sent again after a lost connection; Python knows a batch that it has had.
    this.timer = setTimeout(() => this.root.isConnected && this.underway && this.post(), PATIENCE);
  }

  sendAgain() {
    if (this.underway) this.post();
  }

  end() {
    this.release();
  }
}

// One frame at a time: the next goes out when the answer is there and its time has come.
class Live extends Panel {
  constructor(root) {
    super(root);
    this.frame = 0;
    this.drawn = null;
    this.waitsFor = null;
    this.askedAt = 0;
    this.visit = Math.random().toString(36).slice(2);
    this.verdict = make("p", "verdict", { "aria-live": "polite", "aria-atomic": "true" });
    this.bars = make("ol", "bars");
    this.pace = make("p", "count");
    const seen = make("div", "seen");
    const answer = make("div", "answer");
    answer.append(this.verdict, this.bars, this.pace);
    seen.append(this.video, answer);
    this.element.append(seen, this.buttons, this.message, this.status);
    this.answer = answer;
    this.answer.hidden = true;
  }

  update(data) {
    super.update(data);
    const { answer, interval } = data;
    const isNew = answer?.frame.startsWith(this.visit) && answer.frame !== this.drawn;
    if (!isNew || !this.camera.isOn) return;
    this.draw(answer);
    // An answer to a frame that was given up is shown too, but the next one is underway already.
    if (answer.frame !== this.waitsFor) return;
    this.waitsFor = null;
    this.plan(Math.max(0, this.askedAt + interval - performance.now()));
  }

  begin() {
    clearTimeout(this.idle); // watching is using
    this.waitsFor = null;
    this.times = [];
    this.verdict.textContent = this.data.texts.waiting;
    this.bars.replaceChildren();
    this.pace.textContent = "";
    this.answer.hidden = false;
    this.ask();
  }

  end() {
    clearTimeout(this.timer);
    this.answer.hidden = true;
  }

  sendAgain() {
    if (this.camera.isOn) this.ask();
  }

  plan(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), wait);
  }

  ask() {
    if (!this.root.isConnected) return this.turnOff();
    const photo = this.camera.grab(this.data.side, this.data.quality);
    if (!photo) return this.plan(20); // nothing new to be seen yet
    this.frame += 1;
    this.waitsFor = `${this.visit}-${this.frame}`;
    this.askedAt = performance.now();
    this.send("frame", { frame: this.waitsFor, photo: base64(photo) });
    this.plan(PATIENCE);
  }

  draw({ frame, verdict, sure, bars }) {
    this.drawn = this.bars.dataset.frame = frame;
    // Set only when it changes, so that a screen reader reads each answer once.
    if (this.verdict.textContent !== verdict) this.verdict.textContent = verdict;
    this.verdict.classList.toggle("unsure", !sure);
    while (this.bars.children.length > bars.length) this.bars.lastChild.remove();
    bars.forEach(({ name, share, width }, place) => {
      const row = this.bars.children[place] ?? this.addRow();
      const [nameCell, shareCell, bar] = row.children;
      nameCell.textContent = nameCell.title = name;
      shareCell.textContent = share;
      bar.firstChild.style.width = `${width}%`;
    });
    this.measure();
  }

  addRow() {
    const row = make("li");
    const bar = make("span", "bar", { "aria-hidden": "true" });
    bar.append(make("span"));
    row.append(make("span", "name"), make("span", "share"), bar);
    this.bars.append(row);
    return row;
  }

  measure() {
    this.times = [...this.times, performance.now()].slice(-10);
    if (this.times.length < 5) return;
    const span = this.times.at(-1) - this.times[0];
    const rate = Math.round((this.times.length - 1) / (span / 1000));
    this.pace.textContent = this.data.texts.pace.replace("{count}", rate);
  }
}
