"""How cells and networks are drawn; `nas.draw` is the door."""
