//! Scan and stamp header fields: Received, Return-Path.
