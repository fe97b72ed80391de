// A panel that the kernel's messages pass by. JupyterLab may make the model of a widget twice, when it reads the states of all
// widgets while a cell makes one. What the kernel sends reaches the first of the two, and the page shows the second. All that comes
// is told to whoever listens to the connection, so the second gets it from there.

const ANSWER = 250; // milliseconds that the usual way of a message may take longer than this one

export class Overheard {
  /**
   * @param {any} manager the page's widget manager
   * @param {(content: any) => boolean} ours whether the panel sent this: so its messages are known by the id of their channel
   * @param {() => boolean} heard whether a message has reached the panel the usual way
   */
  constructor(manager, ours, heard) {
    this.manager = manager; this.ours = ours; this.heard = heard; this.id = ""; this.model = null; this.begun = false;
    /** @type {any[]} */ this.waiting = [];
    this.signal = manager?.kernel?.anyMessage;
    this.hear = (/** @type {any} */ _, /** @type {any} */ told) => this.message(told.msg, told.direction);
    this.signal?.connect?.(this.hear);
  }

  /** @param {any} message @param {string} direction */
  message(message, direction) {
    if (message?.header?.msg_type !== "comm_msg") return;
    if (direction === "send") { if (this.ours(message.content.data?.content)) this.id = message.content.comm_id; return; }
    if (!this.id || message.content.comm_id !== this.id) return;
    if (this.model) return void this.model._handle_comm_msg(message);
    this.waiting.push(message);
    if (this.begun) return; // what comes while others are handed over waits its turn
    this.begun = true;
    setTimeout(() => this.begin(), ANSWER);
  }

  /** What has not come by itself is handed over, in its order, and so is all that follows. */
  async begin() {
    if (this.heard()) return this.end();
    const model = await this.manager.get_model(this.id);
    for (let message = this.waiting.shift(); message && this.signal; message = this.waiting.shift()) await model._handle_comm_msg(message);
    if (this.signal) this.model = model;
  }

  end() { this.signal?.disconnect?.(this.hear); this.signal = null; this.model = null; }
}
