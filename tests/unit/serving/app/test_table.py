from streamlit.testing.v1 import AppTest


def test_each_name_has_its_value():
    def script():
        from medweave.serving.app.table import show_table

        show_table({"volume": "1.50 mL", "spacing": "1 x 2"})

    app = AppTest.from_function(script).run()
    assert not app.exception
    assert app.table[0].value[""].to_dict() == {"volume": "1.50 mL", "spacing": "1 x 2"}
