"""The modules of channel attention: gates that reweigh a map."""
