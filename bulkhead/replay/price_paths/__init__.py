"""Price paths: bars out of files, the oracle rounds they make, hourly closes for calibration."""
