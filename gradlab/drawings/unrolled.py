"""A recurrent network, one box a step, with the bracket of the tape and a cut."""

from gradlab.drawings import Drawing, Sheet


def draw() -> Drawing:
    """Four steps, the loss behind the last, the way back from the loss, ended by a cut between steps 3 and 4."""
    s = Sheet(620, 230)
    s.text(14, 24, "the tape is open", anchor="start")
    s.line((14, 40), (14, 32), (606, 32), (606, 40), style="none")
    for k in range(4):
        x = 70 + 125 * k
        s.box(x, 75, 70, 40, f"step {k + 1}")
        s.text(x + 35, 165, f"x{k + 1}")
        s.line((x + 35, 150), (x + 35, 117), arrow=True)
        s.text(x + 97, 88, f"h{k + 1}", style="pale")
        s.line((x + 72, 95), (x + 123 if k < 3 else x + 118, 95), arrow=True)
    s.text(40, 88, "h0", style="pale")
    s.line((28, 95), (68, 95), arrow=True)
    s.box(563, 75, 45, 40, "loss")
    s.line((585, 117), (585, 195), (427, 195), style="path", arrow=True)
    s.cut(417, 195)
    s.line((405, 195), (70, 195), style="weak", dashed=True)
    s.text(520, 214, "the way back from the loss", style="blue")
    s.text(240, 214, "cut: what lies before gets nothing", style="red")
    return s.drawing(
        "A recurrent network unrolled over four steps. Each step takes an input x and the state h before it, and gives the next "
        "state; the loss follows the last. The bracket of the tape spans all of it. The way back from the loss passes step "
        "4 and ends at a cut: steps 3, 2 and 1 get no part of the gradient."
    )
