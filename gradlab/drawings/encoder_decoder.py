"""An encoder, a decoder, and what is handed over."""

from gradlab.drawings import Drawing, Sheet


def draw() -> Drawing:
    """The encoder reads three digits, the decoder writes them backwards; h and c connect the two."""
    s = Sheet(640, 210)
    for k in range(3):
        s.box(30 + 80 * k, 70, 56, 36, "enc")
        s.text(58 + 80 * k, 150, str(k + 1))
        s.line((58 + 80 * k, 135), (58 + 80 * k, 108), arrow=True)
        s.box(390 + 80 * k, 70, 56, 36, "dec")
        s.text(418 + 80 * k, 40, str(3 - k))
        s.line((418 + 80 * k, 68), (418 + 80 * k, 46), arrow=True)
        s.text(418 + 80 * k, 150, ("start", "3", "2")[k], style="pale")
        s.line((418 + 80 * k, 135), (418 + 80 * k, 108), arrow=True)
        if k:
            s.line((6 + 80 * k + 0, 88), (28 + 80 * k, 88), arrow=True)
            s.line((368 + 80 * k - 0, 88), (388 + 80 * k, 88), arrow=True)
    s.line((248, 82), (388, 82), arrow=True)
    s.line((248, 96), (388, 96), arrow=True)
    s.text(318, 74, "h")
    s.text(318, 113, "c")
    s.line((600, 178), (40, 178), style="path", arrow=True)
    s.text(320, 198, "back to the encoder: by h and c alone", style="blue", size=12)
    return s.drawing(
        "An encoder reads the digits 1, 2, 3. Its last states h and c are handed to the decoder, which writes 3, 2, 1, given the sign "
        "of the start and then the right digits so far. The way back from the loss to the encoder leads by h and c alone."
    )
