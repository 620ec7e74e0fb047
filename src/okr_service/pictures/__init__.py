"""Pictures: the alignment tree and the course of an objective, drawn as SVG.

    draw_tree       an objective and what is beneath it, parents left of children,
                    each with its progress, where it should be, and its health
    draw_history    the progress of one objective or key result, day by day,
                    beside what was expected

They are given plain figures and return text; nothing here reads a database or
knows a caller. What holds for both, whatever they are given:

- The text is well-formed XML of bounded size: a tree has at most 60 boxes and
  says how many objectives are left out, a history at most some 800 points.
- It stands alone: no scripts, no fonts or other files to fetch.
- Nothing is told by colour alone, and text contrasts with what is behind it as
  WCAG 2.2 AA asks (4.5 to 1), light and dark.
- The width of text is an estimate for a wide typeface, since who draws the
  letters is not known here: text is cut rather early than late.
"""
