"""Charts as data: pure functions of views, in the form that Plotly reads."""
