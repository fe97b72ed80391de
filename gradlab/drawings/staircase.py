"""tf.round and its slope, beside the straight line that a straight-through gradient uses."""

from gradlab.drawings import Drawing, Sheet


def draw() -> Drawing:
    """The steps of round for values from 0 to 4, with slope 0 written on a step and the dashed line with slope 1."""
    s = Sheet(520, 260)
    at = 50  # pixels for one unit
    left, bottom = 60, 220
    s.line((left, bottom), (left + 4.4 * at, bottom), arrow=True)
    s.line((left, bottom), (left, bottom - 4.2 * at), arrow=True)
    for k in range(5):
        s.text(left + k * at, bottom + 18, str(k), style="pale")
        s.text(left - 14, bottom - k * at + 4, str(k), style="pale")
        a, b = max(0.0, k - 0.5), min(4.0, k + 0.5)
        s.line((left + a * at, bottom - k * at), (left + b * at, bottom - k * at), style="none")
        if k < 4:
            s.line((left + b * at, bottom - k * at), (left + b * at, bottom - (k + 1) * at), dashed=True)
    s.line((left, bottom), (left + 4 * at, bottom - 4 * at), style="path", dashed=True)
    s.text(left + 4.5 * at, bottom + 4, "v", anchor="start")
    s.text(left + 2.2 * at, bottom - at + 4, "slope 0 on each step", anchor="start", size=12)
    s.text(left + 4.1 * at, bottom - 3.1 * at, "tf.round(v): flat, then a jump", anchor="start", size=12)
    s.text(left + 4.1 * at, bottom - 2.6 * at, "straight-through: slope 1", style="blue", anchor="start", size=12)
    return s.drawing(
        "The staircase of tf.round: flat steps with slope 0, and a jump between two steps. A dashed line with slope 1 runs "
        "through it: the slope that a straight-through gradient uses in its place."
    )
