"""Measuring: traces for calibration, executed runs, sweeps over budgets, and the report."""
