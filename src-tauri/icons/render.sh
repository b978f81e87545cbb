#!/usr/bin/env bash
# Draws the PNG icons from icon.svg with headless Chromium. Run after changing the drawing.
set -euo pipefail
cd "$(dirname "$0")"
draw() {
  printf '<!doctype html><style>html,body{margin:0}img{display:block}</style><img src="icon.svg" width="%s" height="%s">' "$1" "$1" >page.html
  chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files \
    --default-background-color=00000000 --window-size="$1,$1" --screenshot="$PWD/$2" "file://$PWD/page.html" 2>/dev/null
  rm page.html
}
draw 32 32x32.png
draw 128 128x128.png
draw 256 128x128@2x.png
draw 512 icon.png
# For Windows: an .ico is a list of the same pictures.
python3 - <<'PY'
import struct
pictures = [(32, "32x32.png"), (128, "128x128.png"), (256, "128x128@2x.png")]
data = [open(name, "rb").read() for _, name in pictures]
at = 6 + 16 * len(data)
head = struct.pack("<HHH", 0, 1, len(data))
for (size, _), picture in zip(pictures, data):
    head += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(picture), at)
    at += len(picture)
open("icon.ico", "wb").write(head + b"".join(data))
PY
