// Whether anybody answers: a dead, busy or absent kernel is said in the panel, with what still works and what to do.
import { Overheard } from "./overheard.js";
import { keepInSaves } from "./saved.js";

const POLL = 500; // milliseconds; with PATIENCE, a silence is named within 2 s
const PATIENCE = 1200; // milliseconds without an answer, from when it is worth a word
// Milliseconds until what needs no answer is sent. JupyterLab draws its status and its toolbar anew for every message to the
// kernel: some 15 ms of script, which neither the frame of this flip nor that of the next one should wait for.
const LATER = 200;

// A ping that nobody answers is sent again: a kernel under load answers late, and what a connection lost is then sent anew.
// Each wait is twice the one before, and at the last it ends: a reopened notebook, which no kernel knows, then leaves it alone.
const AGAIN = 2000, LAST = 60000; // milliseconds

const STILL = "What is here still works.", EMPTY = "Its numbers have not come yet.";
const RESTARTS = ["restarting", "autorestarting"];
const HEARD = ["answered", "scene", "data"]; // traits that only Python sets
const OURS = ["position", "seen"]; // traits that are saved later
/** @type {Record<string, string>} */
const WORDS = {
  absent: `No kernel is connected. ${STILL} For knobs and training, run this cell again.`,
  dead: `The kernel has died. ${STILL} For knobs and training, choose Kernel > Restart, then run this cell again.`,
  lost: `This panel belongs to a kernel that has ended. ${STILL} For knobs and training, run this cell again.`,
  closed: `This panel is no longer connected to a kernel. ${STILL} For knobs and training, run this cell again.`,
  unheard: `The kernel has not answered this panel yet. ${STILL} For knobs and training, run this cell again.`,
  busy: "The kernel is busy with another cell: what you asked for waits and comes when that cell has ended.",
  waiting: "Measuring …",
  silent: `No answer yet. ${STILL} If it lasts, run this cell again.`,
};

export class Link {
  /**
   * @param {import("./types.js").Model} model @param {(words: string, state: string, pending: boolean) => void} tell
   * @param {() => number} drawn the stamp of the run that is on the page, 0 for none
   */
  constructor(model, tell, drawn) {
    this.model = model; this.tell = tell; this.drawn = drawn; this.said = ""; this.again = AGAIN; this.sent = 0;
    this.asked = 0; this.since = 0; this.lost = false; this.closed = false; this.pinged = 0; this.heard = false; this.later = 0;
    this.first = this.kernel?.id;
    this.mark = Math.random(); // of its own messages, among those of other panels
    /** @type {Map<string, any>} */ this.unsaved = new Map();
    /** @type {Overheard|undefined} */ this.overheard = undefined;
    keepInSaves(model.widget_manager);
    this.watched = this.kernel; // its signal tells a restart that is over before the next look
    this.heed = (/** @type {any} */ _, /** @type {string} */ status) => { if (RESTARTS.includes(status)) this.lost = true; this.look(); };
    this.watched?.statusChanged?.connect?.(this.heed);
    this.hear = () => { this.heard = true; this.look(); }; // also a run that comes unasked: somebody sent it
    this.kept = () => this.keep();
    for (const trait of OURS) model.on(`change:${trait}`, this.kept);
    model.on("msg:custom", this.hear);
    for (const trait of HEARD) model.on(`change:${trait}`, this.hear);
    this.timer = setInterval(() => this.look(), POLL);
    this.look();
  }

  /** The kernel of the page's widget manager, where it shows one. @returns {any} */
  get kernel() { return this.model.widget_manager?.kernel; }

  /** Whether something that was asked for has not come yet. */
  get pending() { return this.asked > Number(this.model.get("answered")); }

  get state() {
    const manager = this.model.widget_manager, kernel = this.kernel;
    if (manager && "kernel" in manager && !kernel) return "absent";
    const status = kernel?.status;
    if (status === "dead" || status === "terminating") return "dead";
    if (RESTARTS.includes(status) || (this.first && kernel?.id !== this.first)) this.lost = true;
    if (this.lost) return "lost";
    if (this.closed) return "closed";
    if (this.unheard) return "unheard";
    if (!this.pending) return "idle";
    const waited = Date.now() - this.since;
    if (this.model.get("working")) return "waiting";
    return waited < PATIENCE ? "idle" : status === "busy" ? "busy" : "silent";
  }

  /** Whether a kernel that does nothing else has left a ping unanswered. Why is not known: it may come late. */
  get unheard() { return !this.heard && this.pinged > 0 && Date.now() - this.pinged > PATIENCE && this.kernel?.status === "idle"; }

  /** Whether messages have somebody to go to. */
  get alive() { return !["absent", "dead", "lost", "closed"].includes(this.state); }

  look() {
    if (!this.pinged ? this.kernel?.status === "idle" : this.unheard && this.again < LAST && Date.now() - this.sent > this.again) this.ping();
    const state = this.state, pending = this.pending, words = (WORDS[state] || "").replace(STILL, this.drawn() ? STILL : EMPTY);
    if (this.said === `${state} ${pending} ${words}`) return;
    this.said = `${state} ${pending} ${words}`;
    this.tell(words, state, pending);
  }

  ping() {
    this.sent = Date.now();
    const content = { ask: "ping", stamp: this.drawn() };
    if (this.pinged) {
      this.again = Math.min(2 * this.again, LAST);
      this.overheard ??= new Overheard(this.model.widget_manager, (sent) => sent?.mark === this.mark, () => this.heard);
      this.send({ ...content, mark: this.mark });
    } else {
      this.pinged = this.sent;
      this.send(content);
    }
  }

  /** @param {any} content */
  send(content) { try { this.model.send?.(content); } catch { this.closed = true; } }

  /** Hand traits to Python, if it is there. */
  save() { clearTimeout(this.later); this.later = 0; this.unsaved.clear(); if (this.alive) try { this.model.save_changes?.(); } catch { this.closed = true; } }

  /**
   * Set a trait, and hand it over a little later, once for all that changes until then. @param {string} trait @param {any} value
   */
  saveLater(trait, value) {
    this.unsaved.set(trait, value);
    clearTimeout(this.later);
    this.later = setTimeout(() => this.save(), LATER);
    this.model.set(trait, value);
  }

  // The kernel sends back what it was handed before. The front end drops that only where a newer value was handed over already, so it would
  // undo a flip that waits for its turn.
  keep() { for (const [trait, value] of this.unsaved) if (this.model.get(trait) !== value) this.model.set(trait, value); }

  /** Ask for work: `answered` follows `asked` when it is done. @param {(asked: number) => void} set */
  ask(set) {
    this.asked = Math.max(this.asked, Number(this.model.get("answered"))) + 1;
    this.since = Date.now();
    set(this.asked);
    this.save();
    this.look();
  }

  end() {
    clearInterval(this.timer);
    this.overheard?.end();
    this.watched?.statusChanged?.disconnect?.(this.heed);
    if (this.later) this.save();
    this.model.off?.("msg:custom", this.hear);
    for (const trait of OURS) this.model.off?.(`change:${trait}`, this.kept);
    for (const trait of HEARD) this.model.off?.(`change:${trait}`, this.hear);
  }
}
