"""The whole line on samples made by code: videos in, products found by photo out."""

from buybuddy.demo.report import DemoReport, DemoRow, write_html_report
from buybuddy.demo.run import run_demo

__all__ = ["DemoReport", "DemoRow", "run_demo", "write_html_report"]
