//! Every knob of the suite: its home, its parsing and where its value came from. Knows no engine.
