"""What every test starts from: titanoboa on the fast EVM of tests/evm.py."""

import boa

from tests.evm import Env

boa.set_env(Env())
