//! PI Web API: points and attributes, recorded values, live values.
