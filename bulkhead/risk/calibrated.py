"""What calibration chose, and all that deployments and mirrors take from it.

Written by `bulkhead calibrate FILES --crashes FOLDER --write`. First set by hand, from a backtest of 2018-2026.
"""

from __future__ import annotations

#: Scenario nodes z [standard deviations * 1000], ascending, and their probabilities [1e-3].
Z_MILLI = (-7500, -4600, -3500, -2650, -1550, -400, 450, 1550, 2500, 3200, 4300, 7300)
P_MILLI = (1, 4, 5, 15, 75, 400, 400, 75, 15, 5, 4, 1)

#: h: horizon of the shocks [seconds].
HORIZON_SECONDS = 50_400
#: IM/MM in calm, and once the fast vol is three times the slow one [1e-4].
KAPPA_CALM_BPS = 12_500
KAPPA_STRESS_BPS = 15_000
#: Share of the stress vol in sigma_m, and that vol [1e-4].
STRESS_SHARE_BPS = 0
STRESS_VOL_BPS = 7_500
