"""The plots of the report, drawn as SVG that grows with the page and follows its colours."""
