"""Pictures of a site as lossless WebP: half the bytes of the PNG that matplotlib writes, in every browser that can show a panel.

- `webp`: a PNG as WebP, with few colours where they are enough.
"""

from __future__ import annotations

import io


def webp(png: bytes, what: str, colours: int | None = None) -> bytes:
    """The bytes of a PNG as WebP, pixel for pixel, or in so many `colours`. `what` it shows, for an error.

    Raises OSError where the bytes are no picture and where this Pillow was built without WebP.
    """
    from PIL import Image, UnidentifiedImageError, features  # matplotlib needs it, so it is there

    if not features.check("webp"):
        raise OSError(
            "this Pillow has no WebP, which the site's pictures need: pip install --force-reinstall --only-binary :all: pillow"
        )
    try:
        image: Image.Image = Image.open(io.BytesIO(png))
        if colours is not None:
            image = image.convert("RGB").quantize(colours, dither=Image.Dither.NONE).convert("RGB")
        out = io.BytesIO()
        image.save(out, "WEBP", lossless=True, quality=80, method=6)  # above 90: eighty times as long, 2 % smaller
    except UnidentifiedImageError as error:
        raise OSError(f"the picture of {what} is no PNG, or damaged: {len(png)} bytes") from error
    return out.getvalue()
