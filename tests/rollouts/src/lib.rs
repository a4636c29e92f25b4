//! Rollouts under real traffic: nothing but the scenarios in `tests/`.
