"""The export: its table as CSV and as a workbook, and the command's report."""
