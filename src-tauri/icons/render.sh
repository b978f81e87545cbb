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
