"""Pages of sections: one HTML file that loads no other, with Plotly's script compressed in it."""
