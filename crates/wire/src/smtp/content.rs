//! Where does content end, and what are its bytes like? The decoder of DATA and the scan of DATA and BDAT.
