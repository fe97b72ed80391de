// The shapes of what Python sends. No code: the other modules name these types in their JSDoc.

/**
 * What a gradient can be, as `gradlab.Kind` words it.
 * @typedef {{value: string, mark: string, word: string, hatch: string}} Kind
 *
 * One source at one position. `offset` counts float32 numbers and is -1 without values. `blocks` is how many framed
 * blocks the rows make; `summed` says that the rows of a block were added into one.
 * @typedef {{kind: string, mark: string, word: string, hatch: string, note: string, largest: string, shape: number[],
 *   size: string, rows: number, columns: number, offset: number, blocks: number, summed: boolean}} Entry
 *
 * @typedef {{name: string, axes: string[], square: boolean, compared: string, entries: Entry[]}} TileData
 *
 * One cell of a strip: one visit of a line. `words` is what is read out; `gap` begins another turn of an outer loop;
 * `more` is the visit for every question, where a tape was asked several.
 * @typedef {{kind: string, norm: number|null, words: string, gap: boolean, more: {kind: string, norm: number|null}[]}} Cell
 *
 * The margin of one line at one position.
 * @typedef {{bracket: string, cells: Cell[], reads: {name: string, kind: string, words: string}[], raised: string,
 *   passed: string, cut: string, missing: string, way: string[]}} Margin
 *
 * @typedef {{number: number, text: string, mark: boolean, keep: boolean}} CodeLine
 *
 * @typedef {{heading: string, sentence: string, line: string, trace: string}} Fault
 *
 * One position of the switch; `groups` are the sources that came out alike.
 * @typedef {{error: Fault|null, margin: Record<string, Margin>,
 *   groups: {kind: string, names: string[]}[]}} Side
 *
 * @typedef {{stamp: number, length: number, low: number, high: number, limits: {at: number, words: string}[],
 *   tiles: TileData[], sides: Side[], verdict: string, evidence: [string, string][], cut: string,
 *   untrainable: string, failed: Fault|null, note?: string, stale?: boolean}} Scene
 *
 * @typedef {{name: string, type: "range"|"choice", low: number, high: number, step: number,
 *   options: (string|number|boolean)[], start: any, words: string}} Knob
 *
 * The question that a prediction answers; the learner reads it above the panel, and its last sentence (`asks`) in it.
 * @typedef {{words: string, asks: string, answers: {letter: string, text: string, why: string, right: boolean}[]}} Question
 *
 * What never changes while the panel lives.
 * @typedef {{name: string, title: string, claim: string, positions: string[], predict: boolean, question?: Question|null, layout: string,
 *   kinds: Kind[], knobs: Knob[], code: CodeLine[], setup: string, links: [string, string][], why: string,
 *   train: string, steps: number, start: number, about?: string}} Page
 *
 * @typedef {{name: string, moved: number[][], words: string[]}} Moved
 * @typedef {{steps: number, losses: (number|null)[][], weights: Moved[], error: Fault|null,
 *   level: number|null, verdict: string}} Training
 *
 * @typedef {{get(key: string): any, set(key: string, value: any): void, save_changes?(): void,
 *   on(event: string, call: (...args: any[]) => void): void, off?(event: string, call?: (...args: any[]) => void): void,
 *   send?(content: any): void, widget_manager?: any}} Model
 */

export {};
