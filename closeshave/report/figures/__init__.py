"""Charts as plain values for inline SVG: positions and path data, no markup. The templates draw them, so every label is escaped there."""
