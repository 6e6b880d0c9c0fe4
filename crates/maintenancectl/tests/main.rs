//! Tests of the command as it is run, without httpd.

mod flag;
mod ground;
mod obstacles;
