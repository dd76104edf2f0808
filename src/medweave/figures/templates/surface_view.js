// Draws every .surface-view of the page: WebGL where there is one, else painter's algorithm on a 2D canvas.
(() => {
  "use strict";
  const VERTEX = `attribute vec3 position, normal; uniform mat3 view; uniform vec3 scale; varying vec3 turned;
    void main() { turned = view * normal; gl_Position = vec4(view * position * scale, 1.0); }`;
  const FRAGMENT = `precision mediump float; uniform vec4 colour; varying vec3 turned;
    void main() { vec3 n = normalize(turned); float facing = abs(n.z);
      float light = 0.30 + 0.62 * facing + 0.08 * n.y; float shine = 0.18 * pow(facing, 24.0);
      gl_FragColor = vec4((colour.rgb * light + shine) * colour.a, colour.a); }`;
  const DIRECTIONS = { L: [1, 0, 0], R: [-1, 0, 0], P: [0, 1, 0], A: [0, -1, 0], S: [0, 0, 1], I: [0, 0, -1] };

  const decode = (text) => new Uint16Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);

  function prepare(data) {
    const middle = data.low_mm.map((low, axis) => (low + data.high_mm[axis]) / 2);
    const step = data.low_mm.map((low, axis) => (data.high_mm[axis] - low) / 65535);
    const surfaces = data.surfaces.map((surface) => {
      const positions = Float32Array.from(decode(surface.vertices),
        (value, index) => data.low_mm[index % 3] + value * step[index % 3] - middle[index % 3]);
      const triangles = decode(surface.triangles);
      return { ...surface, positions, triangles, normals: normalsOf(positions, triangles) };
    });
    let radius = 0;
    for (const { positions: p } of surfaces)
      for (let i = 0; i < p.length; i += 3) radius = Math.max(radius, Math.hypot(p[i], p[i + 1], p[i + 2]));
    return { surfaces, radius };
  }

  function normalsOf(p, triangles) {
    const normals = new Float32Array(p.length);
    for (let t = 0; t < triangles.length; t += 3) {
      const [a, b, c] = [3 * triangles[t], 3 * triangles[t + 1], 3 * triangles[t + 2]];
      const u = [p[b] - p[a], p[b + 1] - p[a + 1], p[b + 2] - p[a + 2]];
      const v = [p[c] - p[a], p[c + 1] - p[a + 1], p[c + 2] - p[a + 2]];
      const n = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
      for (const corner of [a, b, c]) for (let axis = 0; axis < 3; axis++) normals[corner + axis] += n[axis];
    }
    for (let i = 0; i < normals.length; i += 3) {
      const length = Math.hypot(normals[i], normals[i + 1], normals[i + 2]) || 1;
      for (let axis = 0; axis < 3; axis++) normals[i + axis] /= length;
    }
    return normals;
  }

  // Rows: the patient directions that point to the right of the screen, up, and towards the viewer.
  function viewRows({ yaw, pitch }) {
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    return [[cy, sy, 0], [-sy * sp, cy * sp, cp], [sy * cp, -cy * cp, sp]];
  }

  function webglRenderer(canvas, surfaces) {
    const gl = canvas.getContext("webgl", { antialias: true, premultipliedAlpha: true });
    if (!gl) return null;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
    gl.useProgram(program);
    const upload = (target, values) => {
      const buffer = gl.createBuffer();
      gl.bindBuffer(target, buffer);
      gl.bufferData(target, values, gl.STATIC_DRAW);
      return buffer;
    };
    const buffers = surfaces.map((surface) => ({
      position: upload(gl.ARRAY_BUFFER, surface.positions),
      normal: upload(gl.ARRAY_BUFFER, surface.normals),
      triangles: upload(gl.ELEMENT_ARRAY_BUFFER, surface.triangles),
    }));
    const uniform = (name) => gl.getUniformLocation(program, name);
    const draw = (index, colour) => {
      for (const name of ["position", "normal"]) {
        const place = gl.getAttribLocation(program, name);
        gl.bindBuffer(gl.ARRAY_BUFFER, buffers[index][name]);
        gl.enableVertexAttribArray(place);
        gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
      }
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffers[index].triangles);
      gl.uniform4fv(uniform("colour"), colour);
      gl.drawElements(gl.TRIANGLES, surfaces[index].triangles.length, gl.UNSIGNED_SHORT, 0);
    };
    gl.enable(gl.DEPTH_TEST);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    return (rows, [scaleX, scaleY, scaleZ], visible) => {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.depthMask(true);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.uniformMatrix3fv(uniform("view"), false, [0, 1, 2].flatMap((axis) => rows.map((row) => row[axis])));
      gl.uniform3f(uniform("scale"), scaleX, scaleY, -scaleZ);
      const solid = visible.filter(({ opacity }) => opacity > 0.99);
      gl.disable(gl.BLEND);
      gl.disable(gl.CULL_FACE);
      for (const { index, rgb } of solid) draw(index, [...rgb, 1]);
      gl.enable(gl.BLEND);
      gl.enable(gl.CULL_FACE);
      gl.depthMask(false);
      for (const face of [gl.FRONT, gl.BACK]) {
        gl.cullFace(face);
        for (const item of visible) if (!solid.includes(item)) draw(item.index, [...item.rgb, item.opacity]);
      }
    };
  }

  function canvasRenderer(canvas, surfaces) {
    const pen = canvas.getContext("2d");
    return (rows, [scaleX, scaleY], visible) => {
      const [w, h] = [canvas.width / 2, canvas.height / 2];
      const faces = [];
      for (const { index, rgb, opacity } of visible) {
        const { positions: p, normals: n, triangles } = surfaces[index];
        const at = (row, values, i) => row[0] * values[i] + row[1] * values[i + 1] + row[2] * values[i + 2];
        for (let t = 0; t < triangles.length; t += 3) {
          const corners = [3 * triangles[t], 3 * triangles[t + 1], 3 * triangles[t + 2]];
          const facing = at(rows[2], n, corners[0]);
          const solid = opacity > 0.99;
          if (facing < 0 && solid) continue;
          const light = 0.3 + 0.7 * Math.abs(facing);
          faces.push({
            solid,
            depth: at(rows[2], p, corners[0]),
            fill: `rgba(${rgb.map((value) => Math.round(255 * value * light)).join()},${opacity})`,
            points: corners.map((i) => [w + w * scaleX * at(rows[0], p, i), h - h * scaleY * at(rows[1], p, i)]),
          });
        }
      }
      faces.sort((a, b) => a.depth - b.depth);
      pen.clearRect(0, 0, canvas.width, canvas.height);
      for (const { solid, fill, points } of faces) {
        pen.fillStyle = fill;
        pen.beginPath();
        for (const point of points) pen.lineTo(...point);
        pen.closePath();
        pen.fill();
        if (solid) { pen.strokeStyle = fill; pen.stroke(); }  // else the background shines through between triangles
      }
    };
  }

  function start(view) {
    const canvas = view.querySelector("canvas");
    const { surfaces, radius } = prepare(JSON.parse(view.querySelector("script").textContent));
    const render = webglRenderer(canvas, surfaces) || canvasRenderer(canvas, surfaces);
    const camera = { yaw: 0.5, pitch: 0.25, zoom: 1 };
    const letters = Object.entries(DIRECTIONS).map(([letter, direction]) => {
      const label = view.querySelector(".stage").appendChild(document.createElement("span"));
      label.textContent = letter;
      return { label, direction };
    });
    const chosen = (kind, name) => view.querySelector(`input[data-${kind}="${CSS.escape(name)}"]`);

    let pending = false;
    const draw = () => {
      pending = false;
      const [width, height] = [canvas.clientWidth, canvas.clientHeight];
      if (!width) return;
      canvas.width = width * devicePixelRatio;
      canvas.height = height * devicePixelRatio;
      const fit = (0.92 * camera.zoom) / radius;
      const side = Math.min(width, height);
      const rows = viewRows(camera);
      const visible = surfaces.map((surface, index) => ({
        index,
        rgb: surface.rgb,
        opacity: chosen("opacity", surface.source).value / 100,
        shown: chosen("source", surface.source).checked && chosen("structure", surface.structure).checked,
      })).filter(({ shown, opacity }) => shown && opacity > 0);
      render(rows, [(fit * side) / width, (fit * side) / height, 0.5 / radius], visible);
      for (const { label, direction } of letters) {
        const [x, y, z] = rows.map((row) => row.reduce((sum, value, axis) => sum + value * direction[axis], 0));
        const reach = 0.46 * side;
        label.style.transform = `translate(${width / 2 + reach * x}px, ${height / 2 - reach * y}px) translate(-50%, -50%)`;
        label.style.opacity = Math.abs(z) > 0.93 ? 0 : 0.55 + 0.4 * z;
      }
    };
    const request = () => { if (!pending) { pending = true; requestAnimationFrame(draw); } };
    const turn = (dx, dy) => {
      camera.yaw -= dx;
      camera.pitch = Math.max(-Math.PI / 2, Math.min(Math.PI / 2, camera.pitch + dy));
      request();
    };
    const zoom = (factor) => { camera.zoom = Math.max(0.3, Math.min(12, camera.zoom * factor)); request(); };

    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons) turn(event.movementX * 0.01, event.movementY * 0.01);
    });
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(-event.deltaY * 0.0015)); },
      { passive: false });
    canvas.addEventListener("dblclick", () => { Object.assign(camera, { yaw: 0.5, pitch: 0.25, zoom: 1 }); request(); });
    canvas.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
      if (moves[event.key]) turn(...moves[event.key]);
      else if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 1.15 : 1 / 1.15);
      else return;
      event.preventDefault();
    });
    view.addEventListener("input", request);
    new ResizeObserver(request).observe(canvas);
    request();
  }

  document.querySelectorAll(".surface-view").forEach(start);
})();
