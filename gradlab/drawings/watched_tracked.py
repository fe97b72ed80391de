"""What the tape watches and what the layer tracks, as two sets that overlap."""

from gradlab.drawings import Drawing, Sheet


def draw() -> Drawing:
    """Two overlapping sets, an example in each part."""
    s = Sheet(600, 240)
    s.parts.append('<ellipse class="none" cx="220" cy="120" rx="180" ry="95"/>')
    s.parts.append('<ellipse class="path" cx="380" cy="120" rx="180" ry="95"/>')
    s.text(120, 20, "watched by the tape")
    s.text(480, 20, "tracked by the layer", style="blue")
    s.text(122, 105, "has a gradient,")
    s.text(122, 122, "is in no list:")
    s.text(122, 145, "a raw tf.Variable", style="pale", size=12)
    s.text(122, 161, "(Keras 3)", style="pale", size=12)
    s.text(300, 105, "both:")
    s.text(300, 122, "it is trained")
    s.text(300, 145, "add_weight", style="pale", size=12)
    s.text(476, 105, "in the list,")
    s.text(476, 122, "gradient None:")
    s.text(476, 145, "a weight that", style="pale", size=12)
    s.text(476, 161, "the loss did not use", style="pale", size=12)
    return s.drawing(
        "Two overlapping sets. Watched by the tape and not tracked: a raw tf.Variable under Keras 3; it has a gradient and is in no "
        "list. In both: a weight from add_weight; it is trained. Tracked and not watched: a weight that the loss did not use; it is in "
        "the list, and its gradient is None."
    )
