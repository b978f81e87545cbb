//! Makes sure there is an interface to embed: where it was not built, a page that says how.

use std::{env, error::Error, fs, path::Path};

const NOT_BUILT: &str = r#"<!doctype html>
<html lang="ar" dir="rtl">
<head><meta charset="utf-8"><title>OPTRIA IQ</title></head>
<body>
<h1>OPTRIA IQ</h1>
<p>لم تُبنَ واجهة الاستخدام في هذه النسخة. يلزم تنفيذ الأمر التالي ثم إعادة البناء:</p>
<p lang="en" dir="ltr">The interface was not built into this program. Run this command, then build again:</p>
<pre dir="ltr">npm --prefix ui ci &amp;&amp; npm --prefix ui run build</pre>
<p><a href="/api/docs">/api/docs</a></p>
</body>
</html>
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../ui/dist");
    if !dist.join("index.html").exists() {
        fs::create_dir_all(&dist)?;
        fs::write(dist.join("index.html"), NOT_BUILT)?;
    }
    println!("cargo:rerun-if-changed={}", dist.display());
    Ok(())
}
