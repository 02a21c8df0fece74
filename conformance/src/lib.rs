//! Security-server double, scripted peers and suites.
